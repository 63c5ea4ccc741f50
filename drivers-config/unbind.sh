#!/usr/bin/env bash
# unbind.sh - give network devices back to the kernel.
#
# Usage: unbind.sh [--dry-run] --all | DEVICE... | --help
#
#   DEVICE     a PCI address (0000:3b:00.0 or 3b:00.0), or the name that its
#              interface had
#   --all      everything that bind.sh has bound, since the boot or for good
#   --dry-run  say what would be done, change nothing
#
# Each goes back to the driver that it had, as noted in /run/penstock/bindings
# and, after bind.sh --persist, in /var/lib/penstock/bindings, and where nothing
# is noted to the one the kernel chooses. What --persist made lasting is undone
# as well, also after a reboot. A device is told as given back when its interface
# is there again. One that a process is using is refused.
# Exit: 0 done, 1 refused or failed, 2 wrong options.
set -euo pipefail

program=unbind
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=give_back.sh
. "$here/give_back.sh"

dry_run=no
all=no
meant=()

parse() {
    while (($# > 0)); do
        case "$1" in
            --all) all=yes ;;
            --dry-run) dry_run=yes ;;
            -h | --help) usage && exit 0 ;;
            -*) wrong "unknown option '$1'" ;;
            *) meant+=("$1") ;;
        esac
        shift
    done
    [[ $all == no || ${#meant[@]} == 0 ]] || wrong "--all or DEVICE..., not both"
    [[ $all == yes || ${#meant[@]} != 0 ]] || wrong "which DEVICE? --all gives back what bind.sh has bound"
}

main() {
    parse "$@"
    local name addresses=() failed=no
    for name in "${meant[@]}"; do addresses+=("$(address_of "$name")"); done
    [[ $all == no ]] || mapfile -t addresses < <(noted_addresses)
    if ((${#addresses[@]} == 0)); then
        # The last device that needed the mode may have gone back by hand.
        [[ $dry_run == yes || ! -e $noiommu_note ]] || { become_the_only_one && switch_noiommu_off_if_last; }
        say "nothing is bound by bind.sh"
        exit 0
    fi
    [[ $dry_run == yes ]] || become_the_only_one
    # One that cannot be given back does not keep the others.
    for name in "${addresses[@]}"; do (give_back "$name") || failed=yes; done
    [[ $failed == no ]]
}

main "$@"
