# bash completion for penstock, penstock-load and penstock-top: options, names of values, configurations, PCI addresses, and the
# file prefixes of what runs. Installed under the three names.
# shellcheck shell=bash

# EAL's options; those that take a value behind '=' end with it.
_penstock_eal="-l -c --lcores= --main-lcore= -s -S -a --allow= -b --block= --no-pci --vdev= -d -n -r -m --socket-mem= --no-huge
    --socket-limit= --huge-dir= --huge-unlink= --huge-worker-stack= --in-memory --legacy-mem --match-allocations
    --single-file-segments --no-shconf --file-prefix= --base-virtaddr= --iova-mode= --proc-type= --mbuf-pool-ops-name=
    --create-uio-dev --vfio-intr= --vfio-vf-token= --vmware-tsc-map --no-hpet --telemetry --no-telemetry
    --force-max-simd-bitwidth= --syslog= --log-level= --trace= --trace-dir= --trace-bufsz= --trace-mode= -v"

# Reads the line up to the cursor into the caller's locals: the `word` to complete; the `option` before it, and whether the word
# is surely its value (`valued`), as it stands behind '='; and `behind`, whether that is behind the first --. Readline's own words
# are cut at '=' and ':'.
_penstock_read() {
    local line=${COMP_LINE:0:COMP_POINT} words
    read -ra words <<<"$line"
    [[ $line != *[[:space:]] ]] || words+=("")
    word=${words[-1]}
    option=
    ((${#words[@]} < 2)) || option=${words[-2]}
    valued=no behind=no
    [[ " ${words[*]:0:${#words[@]}-1} " != *" -- "* ]] || behind=yes
    if [[ $word == --*=* ]]; then
        option=${word%%=*}
        word=${word#*=}
        valued=yes
    fi
}

# Offers those of the words that begin as `word` does; options only where one may begin.
_penstock_offer() {
    mapfile -t COMPREPLY < <(compgen -W "$*" -- "$word")
    [[ ${COMPREPLY[0]:-} != *= ]] || compopt -o nospace 2>/dev/null
    # Readline puts back only what stands behind the last ':'.
    local before=${word%"${word##*:}"}
    COMPREPLY=("${COMPREPLY[@]#"$before"}")
}

_penstock_offer_options() {
    COMPREPLY=()
    [[ $valued == yes ]] || _penstock_offer "$@"
}

_penstock_offer_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -X '!*.toml' -- "$word"; compgen -d -- "$word")
    [[ -n $word ]] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -G '/etc/penstock/*.toml')
}

# The prefixes of sockets that are there.
_penstock_running() {
    local folder path
    for folder in /var/run "${RUNTIME_DIRECTORY:-}" "${XDG_RUNTIME_DIR:-}" /tmp; do
        for path in "$folder"/dpdk/*/dpdk_telemetry.v2; do
            if [[ -S $path ]]; then path=${path%/*} && echo "${path##*/}"; fi
        done
    done
}

# The instances that have a configuration.
_penstock_configured() {
    local path
    for path in /etc/penstock/*.toml; do
        if [[ -f $path ]]; then path=${path##*/} && echo "${path%.toml}"; fi
    done
}

_penstock_nics() {
    local device
    for device in /sys/bus/pci/devices/*; do
        # Class 0x02 is that of network controllers.
        if [[ -f $device/class && $(<"$device/class") == 0x02* ]]; then echo "${device##*/}"; fi
    done
}

# Completes the value of an option of EAL's; false when it is none.
_penstock_eal_value() {
    case $option in
        -a | --allow | -b | --block) _penstock_offer "$(_penstock_nics)" ;;
        --file-prefix) _penstock_offer "$(_penstock_configured)" ;;
        --huge-dir) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        --huge-unlink) _penstock_offer existing always never ;;
        --iova-mode) _penstock_offer pa va ;;
        --proc-type) _penstock_offer primary ;;
        --trace-mode) _penstock_offer overwrite discard ;;
        --vdev) _penstock_offer net_af_packet0,iface= net_af_xdp0,iface= net_memif0 net_null0 net_tap0 net_vhost0 ;;
        --vfio-intr) _penstock_offer legacy msi msix ;;
        -l | -c | -s | -S | -d | -n | -r | -m) COMPREPLY=() ;;
        *) return 1 ;;
    esac
}

_penstock() {
    local word option valued behind
    _penstock_read
    case $option in
        --config | --check-config | --capacity) _penstock_offer_files && return ;;
    esac
    if [[ $behind == yes ]]; then
        _penstock_offer_options --config --strict-bypass --check-config --capacity --help -h --version
    elif [[ $option == --admin ]]; then
        _penstock_offer "$(_penstock_running)"
    elif ! _penstock_eal_value; then
        _penstock_offer_options "$_penstock_eal" -- --check-config --capacity --admin --help -h --version
    fi
}

_penstock_load() {
    local word option valued behind
    _penstock_read
    case $option in
        --config) _penstock_offer_files && return ;;
        --shape) _penstock_offer closed open bulk burst slow churn connect disconnect idle && return ;;
        --pick) _penstock_offer same round-robin uniform zipf && return ;;
        --flood) _penstock_offer invalid unknown unproven newcomers && return ;;
    esac
    if [[ $behind == yes ]]; then
        _penstock_offer_options --config --to --sessions --check-all --connect-rate --connect-depth --shape --one-way --pick \
            --zipf --depth --per-session --rate --size --think-us --active-fraction --ramp-s --warmup-s --seconds --requests \
            --patience-s --seed --flood --flood-rate --json --help --version
    elif ! _penstock_eal_value; then
        _penstock_offer_options "$_penstock_eal" -- --help --version
    fi
}

_penstock_top() {
    local word option valued behind
    _penstock_read
    case $option in
        -f | --file-prefix) _penstock_offer "$(_penstock_running)" ;;
        --by) _penstock_offer rate rtt retransmission ;;
        -i | --interval | --batch) COMPREPLY=() ;;
        *) _penstock_offer_options -f --file-prefix --all -i --interval --by --addresses --batch --json -h --help --version ;;
    esac
}

complete -F _penstock penstock
complete -F _penstock_load penstock-load
complete -F _penstock_top penstock-top
