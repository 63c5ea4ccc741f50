# shellcheck shell=bash disable=SC2034,SC2154  # what common.sh sets, and what others use
# notes.sh - what bind.sh writes down of each device that it binds, and by which
# unbind.sh gives it back. Sourced by common.sh.
#
# A line for each device, of five words, "-" for none: ADDRESS DRIVER
# PREVIOUS_DRIVER INTERFACE[,INTERFACE] MARK. The mark is "iova-pa" for a device
# that goes past the IOMMU.

# A reboot undoes a binding, and /run forgets its note. What driverctl binds
# anew at each boot is noted where that lasts.
bindings=$sysroot/run/penstock/bindings
lasting_bindings=$sysroot/var/lib/penstock/bindings
# This stands beside the notes while vfio's no-IOMMU mode is on by us.
noiommu_note=$sysroot/run/penstock/noiommu

notes() { cat "$lasting_bindings" "$bindings" 2>/dev/null || true; }

note_of() { notes | awk -v address="$1" '$1 == address && !found++'; }

noted_addresses() { notes | awk '!seen[$1]++ { print $1 }'; }

noted_interface() {
    notes | awk -v name="$1" '
        { n = split($4, names, ","); for (i = 1; i <= n; i++) if (names[i] == name && !found++) print $1 }'
}

# Where driverctl keeps the driver that it binds a device to at each boot.
override_file() { echo "/etc/driverctl.d/pci-$1"; }

override_of() { cat "$sysroot$(override_file "$1")" 2>/dev/null || true; }

# An override to a driver of the kernel is none of our concern.
is_persistent() { is_dpdk_driver "$(override_of "$1")"; }

# Replaces the note of a device, by nothing when no more words are given.
note_binding() {
    local place=$bindings other=$lasting_bindings
    if [[ ${persist:-no} == yes ]] || is_persistent "$1"; then place=$lasting_bindings other=$bindings; fi
    rewrite "$place" "$@"
    rewrite "$other" "$1"
}

# The file is exchanged in one step, so that a kill leaves the old one or the
# new.
rewrite() {
    local file=$1 address=$2
    shift
    (($# > 1)) || [[ -f $file ]] || return 0
    mkdir -p "${file%/*}"
    {
        [[ ! -f $file ]] || awk -v address="$address" '$1 != address' "$file"
        (($# == 1)) || echo "$*"
    } >"$file.new"
    mv "$file.new" "$file"
    [[ -s $file ]] || rm -f "$file"
    rmdir "${file%/*}" 2>/dev/null || true
}
