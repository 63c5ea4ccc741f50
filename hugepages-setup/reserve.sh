#!/usr/bin/env bash
# reserve.sh - reserve hugepages for penstock at run time, and give them back.
#
# Usage: reserve.sh [--size 2M|1G] [--megabytes N] [--node N] [--tag NAME]
#                   [--dry-run] [--release] [--help]
#
#   --size 2M|1G     page size (2M)
#   --megabytes N    free hugepage memory wanted (1024)
#   --node N         reserve on this NUMA node only (the kernel spreads them)
#   --tag NAME       whose reservation this is (default); each tag is released
#                    by itself, so that a test run leaves yours alone
#   --dry-run        say what would be done, change nothing
#   --release        put back exactly what this tag changed
#
# The number of pages is only ever raised, by what is missing to have N MB
# free, and a hugetlbfs is mounted if there is none of that size. What was
# changed is noted in /run/penstock. A second call with the same wish changes
# nothing, and a call that cannot get all it wants leaves nothing behind.
# Exit: 0 done, 1 there is too little or something failed, 2 wrong options.
set -euo pipefail

# Taking the last free memory for hugepages would leave the machine to the
# out-of-memory killer.
kept_for_others_mb=256

state_dir=/run/penstock
size=2M
megabytes=1024
node=
tag=default
dry_run=no
release=no

say() { echo "reserve: $*"; }

die() {
    echo "reserve: $*" >&2
    exit 1
}

wrong() {
    echo "reserve: $* (see --help)" >&2
    exit 2
}

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

parse() {
    while (($# > 0)); do
        case "$1" in
            --size | --megabytes | --node | --tag)
                (($# > 1)) || wrong "$1 needs a value"
                local value=$2
                case "$1" in
                    --size) size=$value ;;
                    --megabytes) megabytes=$value ;;
                    --node) node=$value ;;
                    --tag) tag=$value ;;
                esac
                shift 2
                ;;
            --dry-run) dry_run=yes && shift ;;
            --release) release=yes && shift ;;
            -h | --help) usage && exit 0 ;;
            *) wrong "unknown option '$1'" ;;
        esac
    done
    [[ $size == 2M || $size == 1G ]] || wrong "--size: '$size' is neither 2M nor 1G"
    [[ $megabytes =~ ^[1-9][0-9]{0,7}$ ]] || wrong "--megabytes: '$megabytes' is not a positive number"
    [[ -z $node || $node =~ ^[0-9]{1,3}$ ]] || wrong "--node: '$node' is not a NUMA node number"
    [[ $tag =~ ^[A-Za-z0-9_.-]{1,64}$ ]] || wrong "--tag: '$tag' must be letters, digits, '_', '.' or '-'"
}

page_kb() { [[ $1 == 1G ]] && echo 1048576 || echo 2048; }

# The directory in sysfs that counts pages of this size, of one node or of all.
pool_of() {
    local of_size=$1 of_node=$2 base=/sys/kernel/mm
    [[ -z $of_node ]] || base=/sys/devices/system/node/node$of_node
    echo "$base/hugepages/hugepages-$(page_kb "$of_size")kB"
}

# A hugetlbfs with pages of this size; its mount point, or nothing. The kernel
# always shows the page size among the mount options, in megabytes.
mount_of() {
    local shown=$(($(page_kb "$1") / 1024))M _device point type options _rest
    while read -r _device point type options _rest; do
        [[ $type == hugetlbfs && ,$options, == *,pagesize=$shown,* ]] && echo "$point" && return
    done </proc/mounts
    return 0
}

mount_hugetlbfs() {
    [[ -z $(mount_of "$size") ]] || return 0
    local point=/dev/hugepages
    # /dev/hugepages is by custom the place of the default size.
    [[ $size == 2M && -z $(mount_of 1G) ]] || point=/dev/hugepages-$size
    if [[ $dry_run == yes ]]; then
        say "would mount a hugetlbfs with $size pages on $point"
        return
    fi
    if [[ ! -d $point ]]; then
        mkdir "$point"
        note "made_dir $point"
    fi
    mount -t hugetlbfs -o "pagesize=$size" none "$point" ||
        die "cannot mount a hugetlbfs with $size pages on $point"
    note "mounted $point"
    say "mounted a hugetlbfs with $size pages on $point"
}

# The state file has one line per change, newest last:
#   pages SIZE NODE|- ADDED   mounted DIR   made_dir DIR
note() { echo "$1" >>"$state_file"; }

# Pages that this tag has added so far to the pool at hand.
already_added() {
    [[ -f $state_file ]] || { echo 0; return; }
    awk -v size="$size" -v node="${node:--}" \
        '$1 == "pages" && $2 == size && $3 == node { sum += $4 } END { print sum + 0 }' "$state_file"
}

# The kernel gives what it can find in one piece, which is more after a
# compaction, so a short answer is followed by one more try.
raise_to() {
    local pool=$1 goal=$2
    echo "$goal" 2>/dev/null >"$pool/nr_hugepages" || true
    (($(<"$pool/nr_hugepages") < goal)) || return 0
    sync
    echo 1 >/proc/sys/vm/compact_memory 2>/dev/null || true
    echo "$goal" 2>/dev/null >"$pool/nr_hugepages" || true
}

advice() {
    echo "Free some memory, ask for less with --megabytes, or reserve at boot with" \
         "'hugepagesz=$size hugepages=$1' on the kernel's command line." \
         "Without hugepages penstock runs with --no-huge, slower."
}

refuse_if_beyond_memory() {
    local wanted_mb=$1 need=$2 available_mb
    available_mb=$(awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo)
    ((wanted_mb + kept_for_others_mb <= available_mb)) ||
        die "$wanted_mb MB more are wanted, but only $available_mb MB of memory are available" \
            "($kept_for_others_mb MB of them stay with the system). $(advice "$need")"
}

reserve() {
    local pool page_mb need have free missing added got
    pool=$(pool_of "$size" "$node")
    [[ -d $pool ]] || die "this machine has no $size hugepages${node:+ on node $node} ($pool is missing)"
    page_mb=$(($(page_kb "$size") / 1024))
    need=$(((megabytes + page_mb - 1) / page_mb))
    have=$(<"$pool/nr_hugepages")
    free=$(<"$pool/free_hugepages")
    added=$(already_added)
    # Pages of ours that are in use by now are still what was asked for.
    missing=$((need - (free > added ? free : added)))
    if ((missing <= 0)); then
        say "$need pages of $size ($((need * page_mb)) MB) are there already: $have in all, $free free"
        mount_hugetlbfs
        return
    fi
    refuse_if_beyond_memory $((missing * page_mb)) "$need"
    if [[ $dry_run == yes ]]; then
        say "would raise $size pages from $have to $((have + missing)) ($((missing * page_mb)) MB more)"
        mount_hugetlbfs
        return
    fi
    # Noted before it happens, so that a kill in the middle loses nothing.
    note "pages $size ${node:--} $missing"
    raise_to "$pool" $((have + missing))
    got=$(($(<"$pool/nr_hugepages") - have))
    if ((got < missing)); then
        echo "$have" 2>/dev/null >"$pool/nr_hugepages" || true
        sed -i '$d' "$state_file"
        [[ -s $state_file ]] || forget_state
        die "wanted $missing more pages of $size ($((missing * page_mb)) MB), the kernel gave only $got" \
            "($((got * page_mb)) MB), which were put back: memory is in pieces. $(advice "$need")"
    fi
    mount_hugetlbfs
    say "got $got more pages of $size ($((got * page_mb)) MB): $((have + got)) in all, $((free + got)) free"
}

# Takes back our own share, so that what others added since then stays. Pages
# still in use go as soon as their holder lets them go.
release_pages() {
    local of_size=$1 of_node=$2 added=$3 pool have goal
    [[ $of_node != - ]] || of_node=
    pool=$(pool_of "$of_size" "$of_node")
    have=$(<"$pool/nr_hugepages")
    goal=$((have > added ? have - added : 0))
    if [[ $dry_run == yes ]]; then
        say "would lower $of_size pages from $have to $goal"
        return
    fi
    echo "$goal" >"$pool/nr_hugepages"
    say "gave back $added pages of $of_size: $(<"$pool/nr_hugepages") left"
}

release_all() {
    if [[ ! -f $state_file ]]; then
        say "nothing to give back for '$tag'"
        return
    fi
    local what first second third
    # Newest first, so that a mount goes before its directory.
    while read -r what first second third; do
        case "$what" in
            pages) release_pages "$first" "$second" "$third" ;;
            mounted)
                if [[ $dry_run == yes ]]; then
                    say "would unmount $first"
                elif umount "$first" 2>/dev/null; then
                    say "unmounted $first"
                else
                    say "left $first mounted: it is in use"
                fi
                ;;
            made_dir) [[ $dry_run == yes ]] || rmdir "$first" 2>/dev/null || true ;;
        esac
    done < <(tac "$state_file")
    [[ $dry_run == yes ]] || forget_state
}

# The directory goes with the last reservation; others may keep files there.
forget_state() {
    rm -f "$state_file"
    rmdir "$state_dir" 2>/dev/null || true
}

main() {
    parse "$@"
    state_file=$state_dir/hugepages.$tag
    if [[ $dry_run == no ]]; then
        ((EUID == 0)) || die "only root can change hugepages; --dry-run shows what would be done"
        # Two runs at once would count each other's pages as their own. The
        # kernel's own directory serves as the lock, so none is left behind.
        [[ -d /sys/kernel/mm/hugepages ]] || die "this kernel has no hugepages; run penstock with --no-huge"
        exec 9</sys/kernel/mm/hugepages
        flock 9
        mkdir -p "$state_dir"
    fi
    if [[ $release == yes ]]; then release_all; else reserve; fi
}

main "$@"
