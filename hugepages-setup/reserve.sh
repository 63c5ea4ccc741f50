#!/usr/bin/env bash
# reserve.sh - reserve hugepages for penstock at run time, and give them back.
#
# Usage: reserve.sh [--config FILE [--workers N] | --megabytes N] [--size 2M|1G]
#                   [--node N[,N...]|all] [--take-what-is-there] [--tag NAME]
#                   [--penstock PATH] [--dry-run]
#        reserve.sh --kernel-line [--config FILE ...] | --release | --help
#
#   --config FILE    what this configuration needs, as `penstock --capacity`
#                    reckons it; the sum is printed
#   --workers N      on N workers, unless the configuration's [eal] args tell
#   --megabytes N    free hugepage memory wanted (1024)
#   --size 2M|1G     page size (2M)
#   --node N,...     on these NUMA nodes, or on all that have memory, an equal
#                    part each (the kernel spreads them as it likes)
#   --take-what-is-there
#                    keep what was got when it is less than wanted
#   --tag NAME       whose reservation this is (default); each tag is released
#                    by itself, so that a test run leaves yours alone
#   --penstock PATH  the penstock that reckons for --config
#   --kernel-line    only print the words for the kernel's command line that
#                    reserve the same at boot
#   --dry-run        say what would be done, change nothing
#   --release        put back exactly what this tag changed
#
# The number of pages is only ever raised, by what is missing to have N MB
# free, and a hugetlbfs is mounted if there is none of that size. What was
# changed is noted in /run/penstock. A second call with the same wish changes
# nothing, and a call that cannot get all it wants leaves nothing behind.
# Exit: 0 done, 1 there is too little or something failed, 2 wrong options.
set -euo pipefail

program=reserve
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=need.sh
. "$here/need.sh"
# shellcheck source=pages.sh
. "$here/pages.sh"
# shellcheck source=release.sh
. "$here/release.sh"

state_dir=$sysroot/run/penstock
config=
workers=
megabytes=
size=2M
node=
tag=default
penstock=
partly=no
dry_run=no
action=reserve

parse() {
    while (($# > 0)); do
        case "$1" in
            --config | --workers | --megabytes | --size | --node | --tag | --penstock)
                [[ -n ${2:-} ]] || wrong "$1 needs a value"
                local name=${1#--}
                printf -v "$name" %s "$2"
                shift
                ;;
            --take-what-is-there) partly=yes ;;
            --kernel-line) action=kernel_line ;;
            --dry-run) dry_run=yes ;;
            --release) action=release_all ;;
            -h | --help) usage && exit 0 ;;
            *) wrong "unknown option '$1'" ;;
        esac
        shift
    done
    check_choice
    [[ $tag =~ ^[A-Za-z0-9_.-]{1,64}$ ]] || wrong "--tag: '$tag' must be letters, digits, '_', '.' or '-'"
}

# The amount, and how many pages of it each chosen node is to have free.
choose_amount() {
    local pool one
    if [[ -n $config ]]; then reckon_need; else megabytes=${megabytes:-1024}; fi
    mapfile -t nodes < <(nodes_meant "$node")
    need=$(((megabytes + $(page_mb "$size") - 1) / $(page_mb "$size")))
    part=$(((need + ${#nodes[@]} - 1) / ${#nodes[@]}))
    for one in "${nodes[@]}"; do
        pool=$(pool_of "$size" "$one")
        [[ -d $pool ]] || die "this machine has no $size hugepages$(of_node "$one") ($pool is missing)"
    done
}

kernel_line() {
    # Only the words go to the standard output, for a script to take.
    choose_amount >&2
    if [[ $size == 1G ]] && ! grep -qw pdpe1gb "$sysroot/proc/cpuinfo"; then
        warn "this processor has no pages of 1 GiB (pdpe1gb)"
    fi
    kernel_words "$size" "$need" "${nodes[@]}"
    echo "$program: add this to GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub and reboot" >&2
}

reserve() {
    choose_amount
    count_missing
    if ((missing_in_all == 0)); then
        say "$need pages of $size ($((need * $(page_mb "$size"))) MB) are there already: $(pools_in_words)"
        mount_hugetlbfs
        return
    fi
    limit_to_memory
    if [[ $dry_run == yes ]]; then
        tell_plan
        mount_hugetlbfs
        return
    fi
    raise_pools
    ((got_in_all == wanted_in_all)) || answer_shortage
    mount_hugetlbfs
    say "got $got_in_all more pages of $size ($((got_in_all * $(page_mb "$size"))) MB): $(pools_in_words)"
}

main() {
    parse "$@"
    state_file=$state_dir/hugepages.$tag
    if [[ $dry_run == no && $action != kernel_line ]]; then
        [[ $EUID == 0 || -n $sysroot ]] || die "only root can change hugepages: run it with sudo; --dry-run shows what would be done"
        # Two runs at once would count each other's pages as their own. The
        # kernel's own directory serves as the lock, so none is left behind.
        [[ -d $sysroot/sys/kernel/mm/hugepages ]] || die "this kernel has no hugepages; run penstock with --no-huge"
        exec 9<"$sysroot/sys/kernel/mm/hugepages"
        flock 9
    fi
    $action
}

main "$@"
