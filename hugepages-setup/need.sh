# shellcheck shell=bash disable=SC2154  # what common.sh and the script that sources it set
# need.sh - how much hugepage memory a configuration needs: the sum that
# `penstock --capacity` prints, and what DPDK takes beside it. Sourced by
# reserve.sh and verify.sh after common.sh.

# EAL's own tables, the drivers' rings, and what rounding to pages costs: 4 MB
# of 102 and 15 of 879 were measured, on ports of software; NICs have more rings.
dpdk_mb=24
dpdk_mb_a_worker=8
dpdk_percent=2

# The penstock of --penstock, the one in PATH, or the one that lies where these
# scripts do: in the build of their tree, or below the same prefix.
find_penstock() {
    local path
    if [[ -n $penstock ]]; then
        [[ -x $penstock && -f $penstock ]] || wrong "--penstock: '$penstock' is no program"
        echo "$penstock"
        return
    fi
    for path in "$(command -v penstock || true)" "$here/../build/app/penstock/penstock" "$here/../../../bin/penstock"; do
        [[ -n $path && -x $path ]] || continue
        echo "$path"
        return
    done
    die "--config needs penstock to reckon, which is not in PATH: name it with --penstock, or build it" \
        "('ninja -C build app/penstock/penstock')"
}

# Prints the sum of the configuration and sets megabytes to it.
reckon_need() {
    local program_path text mib of_workers dpdk words=()
    [[ -z $workers ]] || words=(-l "0-$((workers - 1))")
    program_path=$(find_penstock)
    text=$("$program_path" "${words[@]}" --capacity "$config") || die "$program_path cannot use $config, see above"
    [[ ${text##*$'\n'} =~ ,\ ([0-9]+)\.[0-9]\ MiB\ for\ ([0-9]+)\ worker ]] ||
        die "$program_path --capacity closed with '${text##*$'\n'}', which is no sum: it is another version than these scripts"
    mib=$((BASH_REMATCH[1] + 1)) of_workers=${BASH_REMATCH[2]}
    dpdk=$((dpdk_mb + of_workers * dpdk_mb_a_worker + mib * dpdk_percent / 100))
    megabytes=$((mib + dpdk))
    echo "$text"
    echo "and DPDK: $dpdk MB for EAL's tables, the drivers' rings and the rounding to pages"
    say "$config needs $megabytes MB for $of_workers worker$([[ $of_workers == 1 ]] || echo s)"
}
