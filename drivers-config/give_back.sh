# shellcheck shell=bash disable=SC2154  # what common.sh and the script that sources it set
# give_back.sh - returns a device to the kernel: for unbind.sh, and for bind.sh
# when a binding failed half-way. Sourced after common.sh; `dry_run` is theirs.

# How often the interface is looked for, while nothing is there and while one
# is there under another name: udev may be about to rename it.
interface_looks=50
rename_looks=10
interface_look_s=0.1

give_back() {
    local address=$1 now previous=- names=-
    read -r _ _ previous names _ <<<"$(note_of "$address") - - - -" || true
    now=$(driver_of "$address")
    if [[ ! -e $devices_dir/$address ]] || { [[ -n $now ]] && ! is_dpdk_driver "$now"; }; then
        if [[ -n $now ]]; then
            say "$(described "$address") is with the kernel already"
        else
            say "$address is gone: it was pulled out, or its virtual function removed"
        fi
        undo_persistence "$address"
        [[ $dry_run == yes ]] || forget "$address"
        return
    fi
    refuse_if_in_use "$address"
    [[ $dry_run == yes ]] || require_devbind
    undo_persistence "$address"
    if [[ $dry_run == yes ]]; then
        say_plan "$address" "$previous"
        return
    fi
    hand_to_kernel "$address" "$previous"
    check_return "$address" "$previous" "$names"
    forget "$address"
}

say_plan() {
    if [[ $2 == - ]]; then
        say "would let the kernel choose a driver for $1 (dpdk-devbind.py --unbind $1, then drivers_probe)"
    else
        say "would run: dpdk-devbind.py --bind=$2 $1"
    fi
}

# `driverctl unset-override` would unbind the device, also from the kernel's
# driver that works again; it fails and keeps its file where no driver takes the
# device or the device is gone. So the file goes, and nothing else is touched.
undo_persistence() {
    is_persistent "$1" || return 0
    if [[ $dry_run == yes ]]; then
        say "would remove $(override_file "$1"), by which driverctl binds it at each boot"
        return
    fi
    rm -f "$sysroot$(override_file "$1")"
    say "$1 is no longer kept from the kernel over a reboot"
}

# The driver it had, and failing that what the kernel chooses.
hand_to_kernel() {
    local address=$1 previous=$2 override=$devices_dir/$1/driver_override
    # An override would keep every other driver away.
    [[ ! -e $override ]] || tell_kernel "" "$override" || true
    if [[ $previous != - ]]; then
        [[ -d $drivers_dir/$previous ]] || modprobe --quiet "$previous" || true
        [[ $(driver_of "$address") == "$previous" ]] || dpdk-devbind.py --bind="$previous" "$address" || true
        [[ $(driver_of "$address") != "$previous" ]] || return 0
        warn "$previous did not take $address, so the kernel chooses"
    fi
    ! is_dpdk_driver "$(driver_of "$address")" || dpdk-devbind.py --unbind "$address" || true
    [[ -n $(driver_of "$address") ]] || tell_kernel "$address" "$sysroot/sys/bus/pci/drivers_probe" || true
}

# Drivers bind before the kernel answers; the interface comes a moment later,
# and gets its name from udev another moment later.
check_return() {
    local address=$1 previous=$2 names=$3 now found look
    for ((look = 0; look < interface_looks; look++)); do
        now=$(driver_of "$address")
        found=$(interfaces_of "$address" | paste -sd,)
        if [[ -z $now || $found == "$names" ]] || is_dpdk_driver "$now"; then break; fi
        ((look < rename_looks)) || [[ -z $found && $names != - ]] || break
        sleep "$interface_look_s"
    done
    if [[ -z $now ]]; then
        [[ $previous == - && -n $(note_of "$address") ]] || die "no driver of the kernel took $address; see dmesg"
        say "$address has no driver, as before"
    elif is_dpdk_driver "$now"; then
        [[ $now == "$previous" ]] || die "$address is still bound to $now; see dmesg"
        say "$address is bound to $now, as before"
    else
        [[ -n $found || $names == - ]] || die "$address is with $now again, but its interface $names did not come back; see dmesg"
        say "$address is with $now again${found:+, interface $found, which is down and has no addresses yet}"
    fi
}

forget() {
    switch_noiommu_off_if_last
    note_binding "$1"
}

# vfio's no-IOMMU mode is one switch for all devices. Where it was ours to switch
# on, it goes with the last device that needs it, whoever bound that one; until
# then a file of ours stays, which a reboot forgets as it does the mode.
switch_noiommu_on() {
    mkdir -p "${noiommu_note%/*}"
    : >"$noiommu_note"
    tell_kernel Y "$noiommu_switch" || true
}

switch_noiommu_off_if_last() {
    [[ -e $noiommu_note ]] || return 0
    ! grep -qsx vfio-noiommu "$sysroot"/sys/kernel/iommu_groups/*/name || return 0
    tell_kernel N "$noiommu_switch" || true
    rm -f "$noiommu_note"
    rmdir "${noiommu_note%/*}" 2>/dev/null || true
    say "switched vfio's no-IOMMU mode off again"
}

# After a failed binding: the driver it had, and no note when it is with the
# kernel.
give_up() {
    local address=$1 before=$2
    [[ $(driver_of "$address") == "$before" ]] || hand_to_kernel "$address" "${before:--}" >/dev/null 2>&1
    is_dpdk_driver "$(driver_of "$address")" || forget "$address"
}
