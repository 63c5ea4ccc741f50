#!/usr/bin/env bash
# status.sh - show what penstock could use as a port on this machine, and what
# it must leave alone. Changes nothing and needs no root.
#
# Usage: status.sh [--help]
#
# It shows each PCI network device with its driver, NUMA node and IOMMU group,
# which driver fits it and why, and what bind.sh has bound; the kernel's
# interfaces with those that carry the default route or an ssh connection; the
# DPDK ports that need no NIC; the IOMMU, and the hugepages.
set -euo pipefail

program=status
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=fit.sh
. "$here/fit.sh"

heading() { printf '\n%s\n' "$1"; }

# What lspci calls a device, if it is installed.
name_of() { if command -v lspci >/dev/null; then lspci -s "$1" 2>/dev/null | sed 's/^[^ ]* //'; fi; }

show_pci() {
    heading "PCI network devices"
    local path address group names any=no
    for path in "$devices_dir"/*; do
        address=${path##*/}
        [[ $(attribute "$address" class) == 0x02* ]] || continue
        any=yes
        group=$(group_of "$address")
        names=$(interfaces_of "$address" | paste -sd,)
        echo "  $address  $(name_of "$address")"
        echo "      driver $(driver_or_none "$address"), interface ${names:-none}, NUMA node $(node_of "$address")," \
            "IOMMU group ${group:-none}"
        show_fit "$address"
        show_note "$address"
    done
    [[ $any == yes ]] || echo "  none"
}

driver_or_none() {
    local driver
    driver=$(driver_of "$1")
    echo "${driver:-none}"
}

show_fit() {
    local driver why obstacles
    IFS='|' read -r driver why <<<"$(fit_of "$1")"
    echo "      $(fit_in_words "$driver"): $why"
    [[ $driver == vfio-pci ]] || return 0
    obstacles=$(group_obstacles "$1" "" | paste -sd';' | sed 's/;/, /g')
    [[ -z $obstacles ]] || echo "      but the group holds devices of kernel drivers: $obstacles"
}

show_note() {
    local driver previous names holders override
    read -r _ driver previous names _ <<<"$(note_of "$1")" || true
    [[ -z $driver ]] || echo "      bound to $driver by bind.sh; before: driver $previous, interface $names"
    override=$(override_of "$1")
    [[ -z $override ]] || echo "      driverctl binds it to $override at each boot"
    holders=$(device_file_of "$1")
    [[ -z $holders ]] || holders=$(holders_of "$holders")
    [[ -z $holders ]] || echo "      in use by process $holders"
}

driver_of_interface() {
    local driver
    driver=$(link_name "$net_dir/$1/device/driver")
    echo "${driver:-virtual}"
}

advice_for() {
    local name=$1 driver=$2
    if has_line "$carry_route" "$name"; then
        echo "carries the default route: NEVER bind it away from the kernel"
    elif has_line "$carry_ssh" "$name"; then
        echo "carries an ssh connection: NEVER bind it away from the kernel"
    elif [[ $driver == virtual ]]; then
        echo "for af_packet or af_xdp"
    elif is_bifurcated "$(address_of_interface "$name")"; then
        echo "keep this driver: DPDK shares the device with it"
    else
        echo "can be bound if nothing else uses it"
    fi
}

show_interfaces() {
    heading "Kernel interfaces"
    local path name driver state carry_route carry_ssh
    carry_route=$(default_route_interfaces | with_lower_devices)
    carry_ssh=$(ssh_interfaces | with_lower_devices)
    printf '  %-16s %-8s %-14s %-12s %s\n' interface state driver PCI use
    for path in "$net_dir"/*; do
        name=$(basename "$path")
        [[ -d $path && $name != lo ]] || continue
        driver=$(driver_of_interface "$name")
        state=$(<"$path/operstate")
        printf '  %-16s %-8s %-14s %-12s %s\n' \
            "$name" "$state" "$driver" "$(address_of_interface "$name")" "$(advice_for "$name" "$driver")"
    done
}

# Drivers are files that DPDK loads at start, so the files tell what there is.
show_vdevs() {
    heading "Ports without a NIC (EAL argument --vdev=...)"
    local found=no entry file example
    for entry in \
        "af_packet|net_af_packet0,iface=IF|a kernel interface, by the packet socket" \
        "af_xdp|net_af_xdp0,iface=IF|a kernel interface, faster, by XDP" \
        "tap|net_tap0,iface=NAME|a new tap interface of the kernel" \
        "memif|net_memif0,role=server,socket=PATH|shared memory with another process" \
        "vhost|net_vhost0,iface=PATH|a virtual machine or virtio_user, by vhost-user" \
        "virtio|net_virtio_user0,path=PATH|the other end of a vhost-user socket" \
        "ring|net_ring0|a loop inside the process, for tests" \
        "null|net_null0|gives and swallows packets, for tests"; do
        IFS='|' read -r file example use <<<"$entry"
        compgen -G "$sysroot/usr/lib/*/dpdk/pmds-*/librte_net_$file.so*" >/dev/null || continue
        found=yes
        printf '  %-40s %s\n' "$example" "$use"
    done
    [[ $found == yes ]] || echo "  no DPDK drivers found (apt-get install dpdk libdpdk-dev)"
}

show_iommu() {
    heading "IOMMU"
    local groups=("$sysroot"/sys/kernel/iommu_groups/*)
    if [[ -e ${groups[0]} ]]; then
        echo "  on, ${#groups[@]} groups: vfio-pci works and confines the device"
    else
        echo "  off: $(iommu_advice)"
        [[ ! -e $noiommu_switch ]] || echo "  this kernel has vfio's no-IOMMU mode (bind.sh --force), in which a device could write anywhere"
    fi
    if [[ -d $drivers_dir/vfio-pci ]]; then
        echo "  vfio-pci is loaded"
    else
        echo "  vfio-pci is not loaded (bind.sh does it)"
    fi
}

show_hugepages() {
    heading "Hugepages"
    local pool any=no size
    for pool in "$sysroot"/sys/devices/system/node/node*/hugepages/hugepages-*; do
        [[ -d $pool ]] || continue
        any=yes
        size=${pool##*hugepages-}
        printf '  %-8s %10s  %6d in all, %6d free\n' \
            "$(basename "$(dirname "$(dirname "$pool")")")" "$size" \
            "$(<"$pool/nr_hugepages")" "$(<"$pool/free_hugepages")"
    done
    [[ $any == yes ]] || echo "  this kernel shows none"
    awk '$3 == "hugetlbfs" { print "  mounted: " $2 " (" $4 ")"; n++ }
         END { if (!n) print "  no hugetlbfs is mounted (hugepages-setup/reserve.sh mounts one)" }' "$sysroot/proc/mounts"
}

main() {
    case "${1:-}" in
        -h | --help) usage && exit 0 ;;
        "") ;;
        *) wrong "unknown argument '$1'" ;;
    esac
    echo "What penstock can use on $(uname -n):"
    show_pci
    show_interfaces
    show_vdevs
    show_iommu
    show_hugepages
}

main "$@"
