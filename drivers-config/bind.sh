#!/usr/bin/env bash
# bind.sh - take network devices from the kernel for penstock, and say how to
# start it on them.
#
# Usage: bind.sh [--driver DRIVER] [--profile PROFILE] [--owner USER]
#                [--persist] [--force] [--dry-run] DEVICE...
#        bind.sh --list-profiles | --profile PROFILE | --help
#
#   DEVICE           a PCI address (0000:3b:00.0 or 3b:00.0) or an interface
#   --driver DRIVER  vfio-pci, uio_pci_generic or igb_uio, instead of the one
#                    that fits; uio is never chosen by itself
#   --profile NAME   a way to use a device, see --list-profiles; without a
#                    DEVICE it is only told
#   --owner USER     let this user drive the devices (vfio-pci with an IOMMU)
#   --persist        keep it so over a reboot (by driverctl)
#   --force          take a device that is in use by the kernel, or let vfio
#                    work without an IOMMU
#   --dry-run        say what would be done, change nothing
#   --list-profiles  the profiles, a line each
#
# All devices are looked at before one is touched. Refused are those that carry
# the default route or an ssh connection, have addresses or are up, belong to a
# bond or bridge, or share their IOMMU group with devices that stay with the
# kernel. What each device was before is noted in /run/penstock/bindings, and
# with --persist in /var/lib/penstock/bindings; by that unbind.sh gives it back.
# A device that is bound already stays so.
# Exit: 0 done, 1 refused or failed, 2 wrong options.
set -euo pipefail

program=bind
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=common.sh
. "$here/common.sh"
# shellcheck source=fit.sh
. "$here/fit.sh"
# shellcheck source=guard.sh
. "$here/guard.sh"
# shellcheck source=give_back.sh
. "$here/give_back.sh"
# shellcheck source=profile.sh
. "$here/profile.sh"

driver_wish=
profile=
owner=
persist=no
force=no
dry_run=no
meant=()     # devices as the operator named them
addresses=() # the same as PCI addresses
declare -A driver_for=() # the driver of each address; empty for one that stays

parse() {
    while (($# > 0)); do
        case "$1" in
            --driver | --profile | --owner)
                [[ -n ${2:-} ]] || wrong "$1 needs a value"
                case "$1" in
                    --driver) driver_wish=$2 ;;
                    --profile) profile=$2 ;;
                    --owner) owner=$2 ;;
                esac
                shift
                ;;
            --persist) persist=yes ;;
            --force) force=yes ;;
            --dry-run) dry_run=yes ;;
            --list-profiles) list_profiles && exit 0 ;;
            -h | --help) usage && exit 0 ;;
            -*) wrong "unknown option '$1'" ;;
            *) meant+=("$1") ;;
        esac
        shift
    done
    [[ -z $profile ]] || require_profile "$profile"
    [[ -z $profile || -z $driver_wish ]] || wrong "--profile names the driver: leave out --driver"
    [[ -z $driver_wish ]] || is_dpdk_driver "$driver_wish" ||
        wrong "--driver: '$driver_wish' is none of vfio-pci, uio_pci_generic and igb_uio; unbind.sh gives a device back"
    [[ -z $owner ]] || id -u "$owner" >/dev/null 2>&1 || wrong "--owner: there is no user '$owner'"
    ((${#meant[@]} > 0)) || [[ -n $profile ]] || wrong "which DEVICE?"
}

# Chooses the driver of a device and tells why.
choose_driver() {
    local address=$1 driver why
    IFS='|' read -r driver why <<<"$(fit_of "$address")"
    say "$(described "$address"): $(fit_in_words "$driver"): $why"
    if [[ $driver == stay ]]; then
        [[ -z $driver_wish ]] ||
            die "$address is never bound to $driver_wish: leave out --driver, penstock starts with $(eal_argument_of "$address")"
        driver_for[$address]=
        return
    fi
    driver=$(driver_of "$address")
    # What is bound already has been decided; only an IOMMU makes vfio better.
    if [[ -z $driver_wish ]] && { [[ $driver == vfio-pci ]] || { is_dpdk_driver "$driver" && ! has_iommu "$address"; }; }; then
        driver_for[$address]=$driver
    else
        driver_for[$address]=${driver_wish:-vfio-pci}
    fi
}

# Everything that can be refused is refused here, before a device is touched.
examine() {
    local address
    for address in "${addresses[@]}"; do
        choose_driver "$address"
        if [[ -z ${driver_for[$address]} ]]; then
            refuse_lifeline "$address" "penstock takes the frames of"
        elif [[ $(driver_of "$address") != "${driver_for[$address]}" ]]; then
            refuse_lifeline "$address" "binding takes away"
            refuse_active "$address"
            refuse_in_company "$address" "${addresses[*]}"
            refuse_without_iommu "$address" "${driver_for[$address]}"
            refuse_if_in_use "$address"
        fi
        [[ -z $owner ]] || refuse_owner "$address" "${driver_for[$address]}"
    done
}

# Loads a driver's module; one that is built in or there already needs none.
require_driver() {
    local driver=$1
    [[ ! -d $drivers_dir/$driver ]] || return 0
    if [[ $dry_run == yes ]]; then
        modprobe --dry-run --quiet "$driver" || die "$(no_module "$driver")"
        say "would run: modprobe $driver"
    else
        modprobe --quiet "$driver" || die "$(no_module "$driver")"
        [[ -d $drivers_dir/$driver ]] || die "$driver was loaded, but $drivers_dir/$driver is not there; see dmesg"
        say "loaded $driver"
    fi
}

no_module() {
    echo "this kernel has no module $1 ('modprobe $1' failed): install the modules of $(uname -r)" \
        "(apt-get install linux-image-$(uname -r), on Ubuntu linux-modules-extra-$(uname -r))"
}

# Binds one device and sees in sysfs whether it is.
take() {
    local address=$1 driver=$2 before names mark=- switch=no command out
    before=$(driver_of "$address")
    names=$(interfaces_of "$address" | paste -sd,)
    if [[ $before == "$driver" ]]; then
        say "$address is bound to $driver already"
        [[ $persist == no ]] || persist_bound "$address" "$driver"
        return
    fi
    require_driver "$driver"
    if [[ $dry_run == yes ]]; then
        say "would run: $(bind_command "$address" "$driver")"
        return
    fi
    if needs_noiommu_switched_on "$address" "$driver"; then switch=yes; fi
    if [[ $driver == vfio-pci ]] && has_iommu "$address" && goes_past_iommu "$address"; then mark=iova-pa; fi
    # Noted before it happens, so that a kill in the middle loses nothing.
    note_first "$address" "$driver" "${before:--}" "${names:--}" "$mark"
    [[ $switch == no ]] || switch_noiommu_on
    read -ra command <<<"$(bind_command "$address" "$driver")"
    out=$("${command[@]}" 2>&1) || true
    if [[ $(driver_of "$address") != "$driver" ]]; then
        give_up "$address" "$before"
        die "$address could not be bound to $driver, see dmesg; ${command[0]} said: ${out:-nothing}"
    fi
    say "$address is bound to $driver (was ${before:-without a driver}${names:+, interface $names})"
}

bind_command() {
    if [[ $persist == yes ]]; then
        echo "driverctl set-override $1 $2"
    elif [[ $force == yes ]]; then
        echo "dpdk-devbind.py --force --bind=$2 $1"
    else
        echo "dpdk-devbind.py --bind=$2 $1"
    fi
}

# What a device was before the first of our bindings is what it goes back to. A
# note is of no use any more when the kernel has the device again.
note_first() {
    local address=$1 driver=$2 previous=$3 names=$4 mark=$5 first_previous='' first_names='' first_mark=''
    if [[ $previous == - ]] || is_dpdk_driver "$previous"; then
        read -r _ _ first_previous first_names first_mark <<<"$(note_of "$address")" || true
    fi
    [[ $mark != - ]] || mark=${first_mark:--}
    note_binding "$address" "$driver" "${first_previous:-$previous}" "${first_names:-$names}" "$mark"
}

# driverctl binds anew when it writes down an override, so a device at work is
# left alone. What one had before that was bound by hand is for the kernel to say.
persist_bound() {
    local address=$1 driver=$2
    if [[ $(override_of "$address") == "$driver" ]]; then
        [[ $dry_run == yes ]] || note_first "$address" "$driver" - - -
        say "$address keeps $driver over a reboot already"
    elif [[ $dry_run == yes ]]; then
        say "would run: driverctl set-override $address $driver"
    else
        refuse_if_in_use "$address"
        note_first "$address" "$driver" - - -
        driverctl set-override "$address" "$driver" || die "driverctl could not keep $driver for $address"
        say "$address keeps $driver over a reboot"
    fi
}

# The file of its IOMMU group is what a process needs to drive a device.
give_to_owner() {
    local file
    if [[ $dry_run == yes ]]; then
        say "would give the file of $1's IOMMU group in /dev/vfio to $owner"
        return
    fi
    file=$(device_file_of "$1")
    [[ -e $sysroot$file ]] || die "$1 is bound, but $file is not there; see dmesg"
    chown "$owner" "$sysroot$file" || die "cannot give $file to $owner"
    say "$file of $1 belongs to $owner"
}

main() {
    parse "$@"
    require_ip
    if [[ -n $profile ]]; then
        if ((${#meant[@]} == 0)); then tell_profile "$profile" && exit 0; fi
        if ! profile_binds "$profile"; then use_software_port "$profile" "${meant[@]}" && exit 0; fi
        driver_wish=$(profile_field "$profile" driver)
    fi
    local name address word eal=()
    for name in "${meant[@]}"; do
        address=$(address_of "$name")
        require_device "$address"
        [[ -z $profile ]] || refuse_wrong_profile "$address"
        [[ " ${addresses[*]} " == *" $address "* ]] || addresses+=("$address")
    done
    [[ $dry_run == yes ]] || become_the_only_one
    [[ $persist == no ]] || command -v driverctl >/dev/null || die "--persist needs driverctl: apt-get install driverctl"
    examine
    for address in "${addresses[@]}"; do
        # Asked before, as the kernel knows less of a device that is bound.
        for word in $(eal_argument_of "$address"); do
            [[ $word != --iova-mode=* || " ${eal[*]} " != *" $word "* ]] || continue
            eal+=("$word")
        done
        if [[ -z ${driver_for[$address]} ]]; then
            tell_bifurcated "$address"
            continue
        fi
        require_devbind
        take "$address" "${driver_for[$address]}"
        [[ -z $owner ]] || give_to_owner "$address"
    done
    say "start penstock with: ${eal[*]}"
}

main "$@"
