# shellcheck shell=bash disable=SC2154  # what common.sh and the script that sources it set
# fit.sh - which driver fits a device, and why: the IOMMU, its groups, and the
# devices that must stay with the kernel. Sourced by bind.sh and status.sh
# after common.sh.

# Drivers whose devices must stay with the kernel ("bifurcated"): DPDK's driver
# works beside the kernel's and loses the device when that one is unbound. A
# device without a driver is known by its vendor: Mellanox, or Microsoft's MANA.
is_bifurcated() {
    case "$(driver_of "$1")" in
        mlx4_core | mlx5_core | mana) return 0 ;;
    esac
    case "$(attribute "$1" vendor):$(attribute "$1" device)" in
        0x15b3:* | 0x1414:0x00ba) return 0 ;;
    esac
    return 1
}

# A virtio device whose backend does not go through the IOMMU (QEMU without
# iommu_platform=on) takes addresses as physical ones. Bit 33 of its features
# tells while the kernel has it, and our note later.
goes_past_iommu() {
    local path features
    for path in "$devices_dir/$1"/virtio*/features; do
        [[ -r $path ]] || continue
        read -r features <"$path" || true
        [[ ${features:33:1} != 0 ]] || return 0
    done
    [[ $(note_of "$1") == *" iova-pa" ]]
}

has_iommu() {
    local group
    group=$(group_of "$1")
    [[ -n $group ]] && ! is_noiommu_group "$group"
}

# What switches the IOMMU on here, by the processor, by whether it is a virtual
# one, and by what the kernel was already told.
iommu_advice() {
    local words="intel_iommu=on iommu=pt" where="switch VT-d on in the firmware" cpu
    cpu=$(<"$sysroot/proc/cpuinfo")
    if [[ $cpu == *AuthenticAMD* ]]; then words="iommu=pt" where="switch AMD-Vi (IOMMU) on in the firmware"; fi
    if [[ $cpu == *" hypervisor "* ]]; then
        words="intel_iommu=on iommu=pt" where="give this virtual machine an IOMMU (QEMU: -device intel-iommu,intremap=on)"
    fi
    if [[ " $(<"$sysroot/proc/cmdline") " == *" ${words%% *} "* ]]; then
        echo "$where, the kernel's command line has ${words%% *} already"
    else
        echo "$where and add '$words' to the kernel's command line (GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub and reboot)"
    fi
}

# "DRIVER|WHY" of a device. The driver is "stay" for one that stays with the
# kernel's, and "none" when no driver fits as the machine is.
fit_of() {
    local group
    if is_bifurcated "$1"; then
        echo "stay|DPDK works beside the kernel's driver of this device and would lose it with that driver"
    elif has_iommu "$1"; then
        group=$(group_of "$1")
        if goes_past_iommu "$1"; then
            echo "vfio-pci|IOMMU group $group, but its backend goes past the IOMMU and takes physical addresses"
        else
            echo "vfio-pci|IOMMU group $group confines the device to penstock's memory"
        fi
    else
        echo "none|there is no IOMMU for it: $(iommu_advice)"
    fi
}

fit_in_words() {
    case "$1" in
        stay) echo "stays with its driver" ;;
        none) echo "no driver fits" ;;
        *) echo "$1 fits" ;;
    esac
}

# Devices of the same IOMMU group whose kernel drivers would keep vfio from
# taking the group, one a line. Bridges may stay, and so may what is being
# bound in the same call ($2, words).
group_obstacles() {
    local address=$1 together=" $2 " path other driver
    for path in "$devices_dir/$address"/iommu_group/devices/*; do
        other=${path##*/}
        [[ -L $path && $other != "$address" && $together != *" $other "* ]] || continue
        driver=$(driver_of "$other")
        case "$driver" in
            "" | *vfio* | pci-stub | pcieport) ;;
            *) described "$other" ;;
        esac
    done
}

# The EAL arguments that give penstock this device.
eal_argument_of() {
    local address=$1 name
    if [[ $(driver_of "$address") == mana ]]; then
        # One MANA function may have several ports, told apart by their MACs.
        read -r name < <(interfaces_of "$address") || true
        echo "-a $address,mac=$(cat "$net_dir/$name/address")"
    else
        echo "-a $address"
        if has_iommu "$address" && goes_past_iommu "$address"; then echo "--iova-mode=pa"; fi
    fi
}
