#!/usr/bin/env bash
# status.sh - show what penstock could use as a port on this machine, and what
# it must leave alone. Changes nothing and needs no root.
#
# Usage: status.sh [--help]
#
# It shows the PCI network devices and their drivers (what dpdk-devbind.py -s
# knows, if it is there), the kernel's interfaces with the one that carries the
# default route, the DPDK ports that need no NIC, the IOMMU, and the hugepages.
set -euo pipefail

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

heading() { printf '\n%s\n' "$1"; }

# Interfaces that carry a default route, IPv4 or IPv6: whoever is logged in from
# afar comes through one of these.
default_route_interfaces() {
    { awk 'NR > 1 && $2 == "00000000" && $8 == "00000000" { print $1 }' /proc/net/route
      [[ ! -r /proc/net/ipv6_route ]] ||
          awk '$1 ~ /^0+$/ && $2 == "00" && $10 != "lo" { print $10 }' /proc/net/ipv6_route
    } 2>/dev/null | sort -u
}

driver_of() {
    local link=/sys/class/net/$1/device/driver
    if [[ -e $link ]]; then basename "$(readlink -f "$link")"; else echo "virtual"; fi
}

# The PCI address, if the device itself or, as with virtio, its parent has one.
pci_of() {
    local path
    path=$(readlink -f "/sys/class/net/$1/device" 2>/dev/null) || return 0
    while [[ -n $path && $path != / ]]; do
        if [[ $(basename "$path") =~ ^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]$ ]]; then
            basename "$path"
            return
        fi
        path=$(dirname "$path")
    done
}

# Drivers whose devices must stay with the kernel: their DPDK driver works
# beside the kernel's ("bifurcated") and loses the device when it is unbound.
advice_for() {
    local name=$1 driver=$2
    if default_route_interfaces | grep -qxF "$name"; then
        echo "carries the default route: NEVER bind it away from the kernel"
        return
    fi
    case "$driver" in
        mlx4_core | mlx5_core | mana) echo "keep this driver: DPDK shares the device with it" ;;
        virtual) echo "for af_packet or af_xdp" ;;
        *) echo "can be bound to vfio-pci if nothing else uses it" ;;
    esac
}

show_interfaces() {
    heading "Kernel interfaces"
    local path name driver state
    printf '  %-16s %-8s %-14s %-12s %s\n' interface state driver PCI use
    for path in /sys/class/net/*; do
        name=$(basename "$path")
        [[ -d $path && $name != lo ]] || continue
        driver=$(driver_of "$name")
        state=$(<"$path/operstate")
        printf '  %-16s %-8s %-14s %-12s %s\n' \
            "$name" "$state" "$driver" "$(pci_of "$name")" "$(advice_for "$name" "$driver")"
    done
}

show_pci() {
    heading "PCI network devices"
    if ! command -v dpdk-devbind.py >/dev/null; then
        echo "  dpdk-devbind.py is not installed (apt-get install dpdk)"
        return
    fi
    local lines
    # Of the tool's report, the section titles that have devices and the devices.
    lines=$(dpdk-devbind.py --status-dev net 2>/dev/null |
        awk '/^Network devices using/ { title = $0; next }
             /^No / || /^=/ || NF == 0 { next }
             { if (title != "") { print "  " title ":"; title = "" } print "    " $0 }') || true
    if [[ -n $lines ]]; then echo "$lines"; else echo "  none"; fi
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
        compgen -G "/usr/lib/*/dpdk/pmds-*/librte_net_$file.so*" >/dev/null || continue
        found=yes
        printf '  %-40s %s\n' "$example" "$use"
    done
    [[ $found == yes ]] || echo "  no DPDK drivers found (apt-get install dpdk libdpdk-dev)"
}

show_iommu() {
    heading "IOMMU"
    local groups=(/sys/kernel/iommu_groups/*)
    if [[ -e ${groups[0]} ]]; then
        echo "  on, ${#groups[@]} groups: vfio-pci works and confines the device"
    elif [[ -e /sys/module/vfio/parameters/enable_unsafe_noiommu_mode ]]; then
        echo "  off; vfio-pci would need enable_unsafe_noiommu_mode=1 (the device could write anywhere)"
    else
        echo "  off; for vfio-pci boot with 'intel_iommu=on iommu=pt' (or amd_iommu)"
    fi
    if [[ -d /sys/module/vfio_pci || -d /sys/bus/pci/drivers/vfio-pci ]]; then
        echo "  vfio-pci is loaded"
    else
        echo "  vfio-pci is not loaded (modprobe vfio-pci)"
    fi
}

show_hugepages() {
    heading "Hugepages"
    local pool any=no size
    for pool in /sys/devices/system/node/node*/hugepages/hugepages-*; do
        [[ -d $pool ]] || continue
        any=yes
        size=${pool##*hugepages-}
        printf '  %-8s %10s  %6d in all, %6d free\n' \
            "$(basename "$(dirname "$(dirname "$pool")")")" "$size" \
            "$(<"$pool/nr_hugepages")" "$(<"$pool/free_hugepages")"
    done
    [[ $any == yes ]] || echo "  this kernel shows none"
    awk '$3 == "hugetlbfs" { print "  mounted: " $2 " (" $4 ")"; n++ }
         END { if (!n) print "  no hugetlbfs is mounted (hugepages-setup/reserve.sh mounts one)" }' /proc/mounts
}

main() {
    case "${1:-}" in
        -h | --help) usage && exit 0 ;;
        "") ;;
        *) echo "status: unknown argument '$1' (see --help)" >&2 && exit 2 ;;
    esac
    echo "What penstock can use on $(uname -n):"
    show_pci
    show_interfaces
    show_vdevs
    show_iommu
    show_hugepages
}

main "$@"
