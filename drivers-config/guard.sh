# shellcheck shell=bash disable=SC2154  # what common.sh and the script that sources it set
# guard.sh - what bind.sh refuses, each by one sentence with the command that
# mends it. Sourced by bind.sh after common.sh and fit.sh; `force` is its own.

# A refusal that --force turns into a warning.
refuse_unless_forced() {
    [[ ${force:?} == yes ]] || die "$1; $2, or insist with --force"
    warn "$1; going on, as --force says"
}

# Interfaces that go with a device: its own, and those of its virtual functions.
interfaces_at_stake() {
    local path
    interfaces_of "$1"
    for path in "$devices_dir/$1"/virtfn*; do
        [[ ! -L $path ]] || interfaces_of "$(link_name "$path")"
    done
}

# The machine's line to the outside: the default route and ssh.
refuse_lifeline() {
    local name
    while read -r name; do
        [[ -z $name ]] || refuse_lifeline_of "$name" "$2"
    done < <(interfaces_at_stake "$1")
}

refuse_lifeline_of() {
    local name=$1 what=$2
    if has_line "$(default_route_interfaces | with_lower_devices)" "$name"; then
        refuse_unless_forced "$what $name, which carries the default route: this machine would be cut off" \
            "choose another device ($here/status.sh lists them)"
    fi
    if has_line "$(ssh_interfaces | with_lower_devices)" "$name"; then
        refuse_unless_forced "$what $name, which carries an ssh connection" "come in by another interface or by the console"
    fi
}

# An interface that the kernel works with: enslaved, addressed or up.
refuse_active() {
    local address=$1 name master flags virtual_functions
    [[ -n $(interfaces_of "$address") || -z $(driver_of "$address") ]] || is_dpdk_driver "$(driver_of "$address")" ||
        warn "$address has a driver but no interface here: if it is in another network namespace, that one loses it"
    while read -r name; do
        [[ -n $name ]] || continue
        master=$(link_name "$net_dir/$name/master")
        [[ -z $master ]] ||
            refuse_unless_forced "$name ($address) belongs to $master" "take it out first ('ip link set $name nomaster')"
        [[ -z $(ip -o addr show dev "$name" 2>/dev/null) ]] ||
            refuse_unless_forced "$name ($address) is active: it has addresses" \
                "take them away first ('ip addr flush dev $name && ip link set $name down')"
        flags=$(cat "$net_dir/$name/flags" 2>/dev/null || echo 0)
        (((flags & 1) == 0)) ||
            refuse_unless_forced "$name ($address) is active: it is up" "take it down first ('ip link set $name down')"
    done < <(interfaces_of "$address")
    virtual_functions=$(attribute "$address" sriov_numvfs)
    [[ ${virtual_functions:-0} == 0 ]] ||
        refuse_unless_forced "$address has $virtual_functions virtual functions, which would go with it" \
            "remove them first ('echo 0 > /sys/bus/pci/devices/$address/sriov_numvfs')"
}

# vfio gives a group as a whole, or not at all.
refuse_in_company() {
    local obstacles
    [[ ${driver_for[$1]:?} == vfio-pci ]] && has_iommu "$1" || return 0
    obstacles=$(group_obstacles "$1" "$2" | paste -sd';' | sed 's/;/, /g')
    [[ -z $obstacles ]] ||
        die "$1 shares IOMMU group $(group_of "$1") with $obstacles, so vfio cannot take it:" \
            "name the network devices of the group in the same command and unbind the others" \
            "('dpdk-devbind.py -u ADDRESS'), or move the card to another slot"
}

# Without an IOMMU a device can write to any memory: that must be said.
refuse_without_iommu() {
    local address=$1 driver=$2 type
    if [[ $driver != vfio-pci ]]; then
        type=$(cat "$devices_dir/$address/iommu_group/type" 2>/dev/null || true)
        if has_iommu "$address" && [[ $type == DMA* ]]; then
            refuse_unless_forced "the IOMMU is on and translates, so with $driver $address reaches no memory" \
                "leave out --driver for vfio-pci, or boot with iommu=pt"
        fi
        warn "with $driver nothing keeps $address from writing to any memory, and penstock must run as root"
        return
    fi
    ! has_iommu "$address" || return 0
    [[ $force == yes ]] ||
        die "$address has no IOMMU, which vfio-pci needs: $(iommu_advice); where there is none, insist with --force" \
            "(vfio's no-IOMMU mode) or, as the last resort, take --driver uio_pci_generic"
    [[ ! -d $sysroot/sys/module/vfio || -e $noiommu_switch ]] || die "$(no_noiommu)"
    warn "without an IOMMU $address can write to any memory of this machine, and penstock must run as root"
    [[ $persist == no ]] ||
        warn "after a reboot this holds only with 'options vfio enable_unsafe_noiommu_mode=1' in /etc/modprobe.d/vfio.conf"
}

refuse_owner() {
    local address=$1 driver=$2
    [[ -z $driver ]] || { [[ $driver == vfio-pci ]] && has_iommu "$address"; } ||
        die "only root can drive $address without vfio and an IOMMU: leave out --owner, or $(iommu_advice)"
}

needs_noiommu_switched_on() {
    [[ $2 == vfio-pci ]] && ! has_iommu "$1" || return 1
    [[ -e $noiommu_switch ]] || die "$(no_noiommu)"
    [[ $(cat "$noiommu_switch") != Y ]]
}

no_noiommu() {
    echo "this kernel's vfio has no no-IOMMU mode (CONFIG_VFIO_NOIOMMU): $(iommu_advice)," \
        "or take --driver uio_pci_generic"
}
