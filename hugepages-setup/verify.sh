#!/usr/bin/env bash
# verify.sh - say whether the hugepages that penstock needs are there, free,
# mounted and open to its user, and what mends it if not.
#
# Usage: verify.sh [--config FILE [--workers N] | --megabytes N] [--size 2M|1G]
#                  [--node N[,N...]|all] [--user USER] [--clean]
#                  [--penstock PATH] [--help]
#
#   --config FILE    as much as this configuration needs, see reserve.sh
#   --workers N      on N workers, unless the configuration's [eal] args tell
#   --megabytes N    as much as this (at least one page)
#   --size 2M|1G     in pages of this size (2M)
#   --node N,...     an equal part on each of these NUMA nodes
#   --user USER      may this user use the hugetlbfs? (who calls)
#   --clean          remove hugepage files of processes that are gone
#   --penstock PATH  the penstock that reckons for --config
#
# Without --clean it changes nothing. A file *map_* in a hugetlbfs is stale when
# no process has it open, mapped or locked; its pages are taken for nothing.
# Exit: 0 all fits, 1 something does not, 2 wrong options.
set -euo pipefail

program=verify
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=need.sh
. "$here/need.sh"

config=
workers=
megabytes=
size=2M
node=
user=$(id -un)
penstock=
clean=no
fits=yes

parse() {
    while (($# > 0)); do
        case "$1" in
            --config | --workers | --megabytes | --size | --node | --user | --penstock)
                [[ -n ${2:-} ]] || wrong "$1 needs a value"
                local name=${1#--}
                printf -v "$name" %s "$2"
                shift
                ;;
            --clean) clean=yes ;;
            -h | --help) usage && exit 0 ;;
            *) wrong "unknown option '$1'" ;;
        esac
        shift
    done
    check_choice
    id -u "$user" >/dev/null 2>&1 || wrong "--user: there is no user '$user'"
}

# What does not fit, with the command that mends it.
fault() {
    fits=no
    echo "  NOT SO: $1" >&2
    [[ -z ${2:-} ]] || echo "    mend it: $2" >&2
}

# The same wish in words of reserve.sh.
reserve_command() {
    local amount="--megabytes $megabytes" more=
    [[ -z $config ]] || amount="--config $config${workers:+ --workers $workers}"
    [[ $size == 2M ]] || more=" --size $size"
    echo "sudo $here/reserve.sh $amount$more${node:+ --node $node}"
}

verify_pages() {
    local one pool all free need part
    need=$(((megabytes + $(page_mb "$size") - 1) / $(page_mb "$size")))
    mapfile -t nodes < <(nodes_meant "$node")
    part=$(((need + ${#nodes[@]} - 1) / ${#nodes[@]}))
    echo "Pages of $size"
    for one in "${nodes[@]}"; do
        pool=$(pool_of "$size" "$one")
        if [[ ! -d $pool ]]; then
            fault "this machine has no $size hugepages$(of_node "$one")" "choose another --size or --node, or run penstock with --no-huge"
            continue
        fi
        all=$(<"$pool/nr_hugepages") free=$(<"$pool/free_hugepages")
        echo "  reserved$(of_node "$one"): $all pages ($((all * $(page_mb "$size"))) MB), free: $free ($((free * $(page_mb "$size"))) MB)"
        ((free >= part)) ||
            fault "$part free pages ($((part * $(page_mb "$size"))) MB) are needed$(of_node "$one"), $free are there" "$(reserve_command)"
    done
}

# Whether a user may write in a directory, by its owner, group and mode.
may_write() {
    local owner group mode
    [[ $(id -u "$1") != 0 ]] || return 0
    read -r owner group mode < <(stat -c '%u %g %a' "$2")
    mode=$((8#$mode))
    if [[ $(id -u "$1") == "$owner" ]]; then
        ((mode & 8#200))
    elif [[ " $(id -G "$1") " == *" $group "* ]]; then
        ((mode & 8#020))
    else
        ((mode & 8#002))
    fi
}

verify_mount() {
    local point
    point=$(mount_of "$size")
    echo "Hugetlbfs (not needed with --in-memory)"
    if [[ -z $point ]]; then
        fault "no hugetlbfs with $size pages is mounted" "$(reserve_command)"
        return
    fi
    echo "  mounted on $point: $(stat -c 'owner %U, group %G, mode %a' "$sysroot$point")"
    may_write "$user" "$sysroot$point" ||
        fault "$user may not write there" "chown $user $point, or start penstock with --in-memory"
}

# The files in hugetlbfs that some process maps or has open, one a line. It is
# asked once, as there may be thousands of files; processes come and go while
# it is, so what cannot be read any more does not count.
files_in_use() {
    awk '{ print $6 }' < <(cat "$sysroot"/proc/[0-9]*/maps 2>/dev/null) | grep -F map_ | sort -u || true
    find "$sysroot"/proc/[0-9]*/fd -lname '*map_*' -printf '%l\n' 2>/dev/null || true
}

verify_files() {
    local point file stale=() bytes=0
    local -A in_use=()
    while read -r file; do in_use[$file]=yes; done < <(files_in_use)
    while read -r point; do
        for file in "$sysroot$point"/*map_*; do
            [[ -f $file && -z ${in_use[${file#"$sysroot"}]:-} ]] || continue
            # EAL keeps a lock on the files it uses, and what is locked stays.
            flock --nonblock --exclusive "$file" true 2>/dev/null || continue
            stale+=("$file")
            bytes=$((bytes + $(stat -c %s "$file")))
        done
    done < <(awk '$3 == "hugetlbfs" { print $2 }' "$sysroot/proc/mounts")
    echo "Files of processes that are gone: ${#stale[@]}"
    ((${#stale[@]} > 0)) || return 0
    for file in "${stale[@]}"; do
        if [[ $clean == no ]]; then
            echo "  ${file#"$sysroot"}"
        elif rm -f "$file" 2>/dev/null; then
            echo "  removed ${file#"$sysroot"}"
        else
            fault "${file#"$sysroot"} could not be removed" "sudo $here/verify.sh --clean"
        fi
    done
    [[ $clean == yes ]] || fault "they hold $((bytes / 1048576)) MB of hugepages" "sudo $here/verify.sh --clean"
}

main() {
    parse "$@"
    if [[ -n $config ]]; then reckon_need; else megabytes=${megabytes:-$(page_mb "$size")}; fi
    # Others' processes cannot be seen by a plain user, and a file of theirs is
    # not known to be stale; files that may be locked are asked by their lock.
    [[ $clean == no || $EUID == 0 || -n $sysroot ]] || die "only root sees who uses a file: run it with sudo"
    verify_files
    verify_pages
    verify_mount
    if [[ $fits == yes ]]; then say "all fits"; else die "not all fits, see above"; fi
}

main "$@"
