# shellcheck shell=bash disable=SC2154  # what common.sh and the script that sources it set
# profile.sh - the profiles of bind.sh: ways to use a device, each a file of
# keys and values in profiles/. Sourced by bind.sh after guard.sh.
#
# Keys: summary, kind, driver, vendor, does, step, eal, note; some repeat.
#   kind: bind       a PCI device is taken from the kernel; driver says by
#                    which, or is left out for the one that fits
#   kind: stay       a PCI device that stays with the kernel's driver
#   kind: interface  an interface of the kernel, used as it is
#   kind: new        an interface that penstock makes at its start

profiles_dir=${here:?}/profiles

profile_field() { sed -n "s/^$2: *//p" "$profiles_dir/$1.profile"; }

profile_binds() { [[ $(profile_field "$1" kind) == bind || $(profile_field "$1" kind) == stay ]]; }

profile_names() { (cd "$profiles_dir" && ls ./*.profile) | sed 's|^\./||; s|\.profile$||'; }

list_profiles() {
    local name
    for name in $(profile_names); do printf '%-10s %s\n' "$name" "$(profile_field "$name" summary)"; done
}

require_profile() {
    has_line "$(profile_names)" "$1" || wrong "--profile: '$1' is none of $(profile_names | paste -sd' ')"
}

tell_profile() {
    local key line
    echo "$1: $(profile_field "$1" summary)"
    for key in does step note eal; do
        while read -r line; do
            case "$key" in
                does) echo "  $line" ;;
                step) echo "  - $line" ;;
                note) echo "  Note: $line" ;;
                eal) echo "  EAL arguments: $line" ;;
            esac
        done < <(profile_field "$1" "$key")
    done
}

# A device must be of the vendor that a profile is made for, if it names one.
refuse_wrong_profile() {
    local address=$1 vendor
    vendor=$(profile_field "${profile:?}" vendor)
    [[ -z $vendor || $(attribute "$address" vendor) == "$vendor" ]] ||
        die "$address is of vendor $(attribute "$address" vendor), and the profile $profile is for $vendor: leave out --profile"
}

# What there is to know of a device that stays with the kernel's driver.
tell_bifurcated() {
    local address=$1 driver
    driver=$(driver_of "$address")
    [[ -n $driver ]] ||
        die "$address has no driver, and DPDK works beside the kernel's: 'echo $address > /sys/bus/pci/drivers_probe' brings it back"
    say "$address stays with $driver: nothing is to be done"
    case "$driver" in
        mlx4_core | mlx5_core)
            [[ -d $devices_dir/$address/infiniband ]] ||
                warn "$address has no verbs device, by which DPDK drives it: modprobe ${driver%_core}_ib"
            ;;
    esac
    compgen -G "$sysroot/usr/lib/*/dpdk/pmds-*/librte_net_${driver%_core}.so*" >/dev/null ||
        warn "the DPDK that is installed has no driver net_${driver%_core}: use 'bind.sh --profile af_packet'"
}

# Nothing is bound for a port of software: the interface is looked at, and the
# EAL arguments are told.
use_software_port() {
    local of_profile=$1 name number=0 words=() word
    shift
    [[ -z ${owner:-} && ${persist:?} == no ]] || wrong "--owner and --persist are for devices that are bound"
    for name in "$@"; do
        if [[ $(profile_field "$of_profile" kind) == new ]]; then check_new "$name"; else check_interface "$of_profile" "$name"; fi
        for word in $(profile_field "$of_profile" eal); do
            [[ $word != --no-pci || $number == 0 ]] || continue
            word=${word/NAME/"$name"}
            words+=("${word/NUMBER/$number}")
        done
        number=$((number + 1))
    done
    say "nothing is bound; start penstock with: ${words[*]}"
}

check_new() {
    [[ $1 =~ ^[A-Za-z0-9_.-]{1,15}$ ]] || wrong "'$1' cannot be the name of an interface"
    [[ ! -e $net_dir/$1 ]] || die "there is an interface $1 already: choose another name, or 'ip link del $1'"
}

check_interface() {
    local of_profile=$1 name=$2 addresses link peer lifeline=no
    require_name "$name"
    [[ -d $net_dir/$name ]] || die "there is no interface '$name'; $here/status.sh lists them"
    if [[ $of_profile == af_xdp ]]; then
        refuse_lifeline_of "$name" "af_xdp takes the frames of"
    elif has_line "$(default_route_interfaces | with_lower_devices)" "$name"; then
        lifeline=yes
        warn "$name carries the default route: penstock will see all its frames, and the kernel too"
    fi
    (($(<"$net_dir/$name/flags") & 1)) || warn "$name is down, so no frame will come: ip link set $name up"
    addresses=$(ip -o addr show dev "$name" scope global 2>/dev/null | awk '{ print $4 }' | paste -sd' ')
    # Whoever came in by this interface must not be told to take its addresses away.
    if [[ -n $addresses && $lifeline == yes ]]; then
        warn "$name has addresses of the kernel ($addresses), which must stay: give penstock others"
    elif [[ -n $addresses ]]; then
        warn "$name has addresses of the kernel ($addresses), which answers there as well: ip addr flush dev $name"
    fi
    link=$(ip -o -d link show dev "$name" 2>/dev/null)
    if [[ " $link " == *" veth "* ]]; then
        peer=$(awk '{ sub(/:$/, "", $2); sub(/.*@/, "", $2); print $2 }' <<<"$link")
        warn "$name is a veth, whose other end leaves UDP checksums undone: 'ethtool -K $peer tx off' there," \
            "or rx_checksum = \"trust_local\" for the port"
    fi
}
