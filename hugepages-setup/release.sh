# shellcheck shell=bash disable=SC2154  # what common.sh and reserve.sh set
# release.sh - gives back what reserve.sh has noted for a tag, and no more.
# Sourced by reserve.sh.

# Takes back our own share, so that what others added since then stays. Pages
# still in use go as soon as their holder lets them go.
release_pages() {
    local of_size=$1 of_node=$2 added=$3 pool have goal
    pool=$(pool_of "$of_size" "$of_node")
    have=$(<"$pool/nr_hugepages")
    goal=$((have > added ? have - added : 0))
    if [[ $dry_run == yes ]]; then
        say "would lower $of_size pages$(of_node "$of_node") from $have to $goal"
        return
    fi
    tell_kernel "$goal" "$pool/nr_hugepages" || die "the kernel did not take pages of $of_size back ($pool)"
    say "gave back $added pages of $of_size$(of_node "$of_node"): $(<"$pool/nr_hugepages") left"
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
                elif umount "$sysroot$first" 2>/dev/null; then
                    say "unmounted $first"
                else
                    say "left $first mounted: it is in use"
                fi
                ;;
            made_dir) [[ $dry_run == yes ]] || rmdir "$sysroot$first" 2>/dev/null || true ;;
        esac
    done < <(tac "$state_file")
    [[ $dry_run == yes ]] || forget_state
}

# The directory goes with the last reservation; others may keep files there.
forget_state() {
    rm -f "$state_file"
    rmdir "$state_dir" 2>/dev/null || true
}
