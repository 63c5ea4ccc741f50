# shellcheck shell=bash disable=SC2154  # what common.sh sets
# notes.sh - what bind.sh writes down of each device that it binds, and by which
# unbind.sh gives it back. Sourced by common.sh.

state_dir=$sysroot/run/penstock
bindings=$state_dir/bindings

# The notes: a line for each device that bind.sh bound, of five words, "-" for
# none: ADDRESS DRIVER PREVIOUS_DRIVER INTERFACE[,INTERFACE] MARK. The mark is
# "noiommu" where we switched vfio's no-IOMMU mode on, "iova-pa" for a device
# that goes past the IOMMU.
note_of() { [[ ! -f $bindings ]] || awk -v address="$1" '$1 == address' "$bindings"; }

noted_addresses() { [[ ! -f $bindings ]] || awk '{ print $1 }' "$bindings"; }

noted_interface() {
    [[ ! -f $bindings ]] ||
        awk -v name="$1" '{ n = split($4, names, ","); for (i = 1; i <= n; i++) if (names[i] == name) { print $1; exit } }' \
            "$bindings"
}

# Replaces the note of a device, by nothing when no more words are given. The
# file is exchanged in one step, so that a kill leaves the old one or the new.
note_binding() {
    local address=$1
    mkdir -p "$state_dir"
    {
        [[ ! -f $bindings ]] || awk -v address="$address" '$1 != address' "$bindings"
        (($# == 1)) || echo "$*"
    } >"$bindings.new"
    mv "$bindings.new" "$bindings"
    [[ -s $bindings ]] || rm -f "$bindings"
    rmdir "$state_dir" 2>/dev/null || true
}
