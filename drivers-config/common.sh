# shellcheck shell=bash disable=SC2034  # those who source it use what it sets
# common.sh - what bind.sh, unbind.sh and status.sh share: their way to speak,
# and facts about PCI network devices, read from sysfs. Sourced, never run; the
# script that sources it has set `program` and `here`.

# Every path into the kernel's trees begins with this, which is empty on a real
# machine: tests put a tree of their own there.
sysroot=${PENSTOCK_SYSROOT:-}
devices_dir=$sysroot/sys/bus/pci/devices
drivers_dir=$sysroot/sys/bus/pci/drivers
net_dir=$sysroot/sys/class/net
noiommu_switch=$sysroot/sys/module/vfio/parameters/enable_unsafe_noiommu_mode

say() { echo "${program:?}: $*"; }

warn() { echo "${program:?}: WARNING: $*" >&2; }

die() {
    echo "${program:?}: $*" >&2
    exit 1
}

wrong() {
    echo "${program:?}: $* (see --help)" >&2
    exit 2
}

# The head comment of the script that was called.
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[-1]}"; }

# shellcheck source=notes.sh
. "${here:?}/notes.sh"

# Whether a list, one name a line, has a name.
has_line() { [[ $'\n'$1$'\n' == *$'\n'"$2"$'\n'* ]]; }

# tee writes what the kernel is told, so that a test's kernel can stand there.
tell_kernel() { echo "$1" | tee "$2" >/dev/null 2>&1; }

# The name that a link of sysfs ends in, or nothing.
link_name() {
    local target
    if target=$(readlink "$1"); then echo "${target##*/}"; fi
}

# A device's one-line attribute, or nothing.
attribute() {
    local text=
    [[ ! -r $devices_dir/$1/$2 ]] || read -r text <"$devices_dir/$1/$2" || true
    echo "$text"
}

driver_of() { link_name "$devices_dir/$1/driver"; }
group_of() { link_name "$devices_dir/$1/iommu_group"; }

# Drivers that hand a device to a process, by which DPDK takes it.
is_dpdk_driver() { [[ $1 == vfio-pci || $1 == uio_pci_generic || $1 == igb_uio ]]; }

# The kernel's interfaces of a device; those of virtio hang one level lower.
interfaces_of() {
    local path
    for path in "$devices_dir/$1"/net/* "$devices_dir/$1"/virtio*/net/*; do
        [[ ! -d $path ]] || basename "$path"
    done
}

# The PCI address of an interface, or nothing.
address_of_interface() {
    local path
    for path in "$devices_dir"/*/net/"$1" "$devices_dir"/*/virtio*/net/"$1"; do
        [[ -d $path ]] || continue
        path=${path#"$devices_dir/"}
        echo "${path%%/*}"
        return
    done
}

# NUMA node; one that the firmware does not tell (-1) is 0, as for DPDK.
node_of() {
    local node
    node=$(attribute "$1" numa_node)
    if [[ $node =~ ^[0-9]+$ ]]; then echo "$node"; else echo 0; fi
}

# "0000:3b:00.0 (eth1, ixgbe)", as devices are named in what is said.
described() {
    local names driver
    names=$(interfaces_of "$1" | paste -sd, | sed 's/,/, /g')
    driver=$(driver_of "$1")
    echo "$1 (${names:+$names, }${driver:-no driver})"
}

# An empty name or "." would stand for the first of all devices.
require_name() { [[ $1 =~ ^[A-Za-z0-9][^/[:space:]]*$ ]] || wrong "'$1' cannot be the name of a device"; }

require_device() {
    [[ -e $devices_dir/$1 ]] || die "there is no PCI device $1; drivers-config/status.sh shows what there is"
}

# The PCI address that the operator means by an address or an interface's name.
# An interface that went when we bound its device is found in our notes.
address_of() {
    local meant=${1,,} address
    require_name "$1"
    for address in "$meant" "0000:$meant"; do
        [[ $address =~ ^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$ ]] || continue
        require_device "$address"
        [[ $(attribute "$address" class) == 0x02* ]] ||
            die "$address is no network device (class $(attribute "$address" class))," \
                "drivers-config/status.sh shows those there are"
        echo "$address"
        return
    done
    address=$(address_of_interface "$1")
    [[ -n $address ]] || address=$(noted_interface "$1")
    if [[ -z $address ]]; then
        [[ ! -e $net_dir/$1 ]] ||
            die "$1 has no PCI device that could be bound; 'bind.sh --profile af_packet $1' tells how to use it as it is"
        die "there is neither a PCI device nor an interface '$1'; drivers-config/status.sh shows what there is"
    fi
    echo "$address"
}

# Interfaces that carry a default route, IPv4 or IPv6; a kernel may lack either.
# Only ip knows all the legs of a multipath route and the other routing tables;
# status.sh does without where it is not installed.
default_route_interfaces() {
    {
        awk 'NR > 1 && $2 == "00000000" && $8 == "00000000" { print $1 }' "$sysroot/proc/net/route"
        awk '$1 ~ /^0+$/ && $2 == "00" { print $10 }' "$sysroot/proc/net/ipv6_route"
        ip -o route show table all default | devices_of_routes
        ip -6 -o route show table all default | devices_of_routes
    } 2>/dev/null | grep -vxE 'lo|[*]' | sort -u || true
}

devices_of_routes() { awk '{ for (i = 1; i < NF; i++) if ($i == "dev") print $(i + 1) }'; }

# Both addresses of each living ssh connection to this machine, "OURS PEER":
# the one we came by, and all that sshd holds (sudo forgets SSH_CONNECTION).
ssh_connections() {
    local peer ours _port
    if [[ -n ${SSH_CONNECTION:-} ]]; then
        read -r peer _port ours _port <<<"$SSH_CONNECTION"
        echo "$ours $peer"
    fi
    command -v ss >/dev/null || return 0
    ss -Htnp state established 2>/dev/null |
        awk '/"sshd/ { for (i = 3; i <= 4; i++) { sub(/:[0-9]+$/, "", $i); gsub(/[][]/, "", $i); sub(/^::ffff:/, "", $i) }
            print $3, $4 }'
}

# Interfaces of ssh connections: where our address is, and where answers leave.
ssh_interfaces() {
    local ours peer
    while read -r ours peer; do
        if [[ $ours == *%* ]]; then
            echo "${ours#*%}"
            continue
        fi
        ip -o addr show to "$ours" 2>/dev/null | awk '{ sub(/@.*/, "", $2); print $2 }'
        ip -o route get "$peer" 2>/dev/null | devices_of_routes
    done < <(ssh_connections) | sort -u || true
}

# The interfaces that are read, and all that they stand on: a bridge, a bond
# and a VLAN carry nothing without their lower devices.
with_lower_devices() {
    local name path
    while read -r name; do
        echo "$name"
        for path in "$net_dir/$name"/lower_*; do
            [[ ! -L $path ]] || echo "${path##*/lower_}" | with_lower_devices
        done
    done
}

# Processes that hold a device file, as "PID (NAME)". Processes come and go
# while find looks, so its status says nothing.
holders_of() {
    local directory pid
    while read -r directory; do
        pid=${directory#"$sysroot/proc/"}
        pid=${pid%/fd}
        echo "$pid ($(cat "$sysroot/proc/$pid/comm" 2>/dev/null))"
    done < <(find "$sysroot"/proc/[0-9]*/fd -lname "$1" -printf '%h\n' 2>/dev/null) | sort -u | paste -sd, | sed 's/,/, /g'
}

# The file in /dev by which a process drives a device that is bound, or nothing.
device_file_of() {
    local group path
    group=$(group_of "$1")
    if [[ $(driver_of "$1") == vfio-pci && -n $group ]]; then
        if is_noiommu_group "$group"; then echo "/dev/vfio/noiommu-$group"; else echo "/dev/vfio/$group"; fi
        return
    fi
    for path in "$devices_dir/$1"/uio/uio*; do
        [[ ! -e $path ]] || echo "/dev/${path##*/}"
    done
}

# A device whose user is killed under it leaves the kernel waiting for good.
refuse_if_in_use() {
    local file holders
    file=$(device_file_of "$1")
    [[ -n $file ]] || return 0
    holders=$(holders_of "$file")
    [[ -z $holders ]] ||
        die "$1 is in use by process $holders: stop it first (kill -TERM ${holders%% *}), then ask again"
}

is_noiommu_group() { [[ $(cat "$sysroot/sys/kernel/iommu_groups/$1/name" 2>/dev/null) == vfio-noiommu ]]; }

# For what changes the machine: only root may, one at a time. The kernel's own
# directory serves as the lock, so none is left behind.
become_the_only_one() {
    [[ $EUID == 0 || -n $sysroot ]] || die "only root can change drivers: run it with sudo; --dry-run shows what would be done"
    exec 9<"$devices_dir"
    flock 9
}

# Without ip nobody knows which interfaces are in use.
require_ip() { command -v ip >/dev/null || die "ip is not installed: apt-get install iproute2"; }

require_devbind() {
    command -v dpdk-devbind.py >/dev/null || die "dpdk-devbind.py is not installed: apt-get install dpdk"
    command -v lspci >/dev/null || die "dpdk-devbind.py needs lspci: apt-get install pciutils"
}
