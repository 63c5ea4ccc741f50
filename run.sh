#!/usr/bin/env bash
# run.sh - the project's first command: on a fresh Debian 12, as root, it
# installs what is missing, builds penstock, and shows the main job without a
# NIC: penstock on a software port serves the original ikcp.
#
# Usage: ./run.sh [--tap] [--no-huge] [--serve] [--sessions N] [--messages N]
#                 [--megabytes N] [--help]
#
#   --tap          a tap device instead of a veth pair with an af_packet port
#   --no-huge      without hugepages
#   --serve        keep serving until Ctrl-C, and say how to talk to it
#   --sessions N   sessions of the client (200), half IPv4 and half IPv6
#   --messages N   messages of each session (100), 1 B to 100 kB
#   --megabytes N  hugepages to reserve (1024)
#
# Traffic stays in network namespaces made for the run. Those, the interfaces
# and the hugepages are taken back at the end, also after Ctrl-C or a failure;
# the installed packages and build/ stay. Exit 0 only if every byte came back.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

progress_s=5
megabytes=1024
hugepages=yes
serve=no
job_options=()
child=
reserved=no
tag=run-$$
log=build/run.log

say() { echo "run: $*"; }

die() {
    echo "run: $*" >&2
    exit 1
}

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

parse() {
    while (($# > 0)); do
        case "$1" in
            --tap) job_options+=(--tap) ;;
            --no-huge) hugepages=no ;;
            --serve) serve=yes && job_options+=(--serve) ;;
            --sessions | --messages | --megabytes)
                [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { echo "run: $1 needs a positive number" >&2 && exit 2; }
                if [[ $1 == --megabytes ]]; then megabytes=$2; else job_options+=("$1" "$2"); fi
                shift
                ;;
            -h | --help) usage && exit 0 ;;
            *) echo "run: unknown option '$1' (see --help)" >&2 && exit 2 ;;
        esac
        shift
    done
}

# Each step runs in a process group of its own: Ctrl-C reaches only this
# script, which then ends the step in good order and takes back what it made.
# shellcheck disable=SC2317  # called by a trap
on_signal() {
    trap '' INT TERM HUP
    local status=$1
    if [[ -n $child ]]; then
        kill -TERM -- "-$child" 2>/dev/null || true
        local ended=0
        wait "$child" || ended=$?
        # Ctrl-C is the normal end of --serve.
        [[ $serve == no || $ended != 0 ]] || status=0
    fi
    exit "$status"
}

# shellcheck disable=SC2317  # called by a trap
on_exit() {
    local status=$?
    trap '' INT TERM HUP
    if [[ $reserved == yes ]]; then
        hugepages-setup/reserve.sh --release --tag "$tag" || status=1
    fi
    exit "$status"
}

# Runs a long step with its output in the log, and shows every few seconds that
# it lives and what it said last.
step() {
    local what=$1 started=$SECONDS status=0 last
    shift
    say "$what"
    echo "== $what: $*" >>"$log"
    setsid "$@" >>"$log" 2>&1 </dev/null &
    child=$!
    local shown=$SECONDS
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS - shown >= progress_s)); then
            shown=$SECONDS
            last=$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-100)
            say "  $((SECONDS - started)) s: $last"
        fi
    done
    wait "$child" || status=$?
    child=
    if ((status != 0)); then
        tail -n 25 "$log" | sed 's/^/  | /' >&2
        die "'$what' failed with status $status; all of its output is in $log"
    fi
}

# Prints the packages among the arguments that are not installed.
missing_of() {
    local package
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            echo "$package"
    done
}

node_headers_present() {
    [[ -f $(dirname "$(readlink -f "$(command -v node)")")/../include/node/node.h ||
       -f /usr/include/node/node.h ]]
}

install_packages() {
    local wanted=(dpdk dpdk-dev libdpdk-dev meson ninja-build g++ make libboost-dev libfmt-dev catch2
        libcli11-dev libtomlplusplus-dev libseccomp-dev nlohmann-json3-dev libncurses-dev pkg-config ethtool
        iproute2)
    local missing=()
    command -v python3 >/dev/null || wanted+=(python3)
    # A node from elsewhere is as good as Debian's, and must not be replaced.
    command -v node >/dev/null || wanted+=(nodejs libnode-dev node-gyp)
    command -v npm >/dev/null || wanted+=(npm ca-certificates)
    if command -v node >/dev/null && ! node_headers_present; then wanted+=(libnode-dev); fi
    mapfile -t missing < <(missing_of "${wanted[@]}")
    if ((${#missing[@]} == 0)); then
        say "all packages are installed"
        return
    fi
    command -v apt-get >/dev/null || die "these Debian packages are missing and there is no apt-get: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    step "updating the package lists" apt-get update
    # An installation that was interrupted earlier would make apt refuse.
    step "finishing earlier installations, if any" dpkg --configure -a
    step "installing ${#missing[@]} packages (${missing[*]})" \
        apt-get install -y --no-install-recommends "${missing[@]}"
}

build() {
    if [[ ! -f build/build.ninja ]]; then
        step "configuring the build" meson setup build --buildtype=release
    fi
    step "building penstock" ninja -C build app/penstock/penstock
}

reserve_hugepages() {
    if [[ $hugepages == no ]]; then
        say "without hugepages, as asked for (--no-huge)"
    else
        # Set first: an interruption in the middle must be taken back as well.
        reserved=yes
        if hugepages-setup/reserve.sh --megabytes "$megabytes" --tag "$tag"; then return; fi
        say "going on without hugepages (--no-huge)"
    fi
    job_options+=(--no-huge)
}

main() {
    parse "$@"
    ((EUID == 0)) || die "network namespaces, hugepages and packages need root: sudo ./run.sh"
    mkdir -p build
    : >"$log"
    trap 'on_signal 130' INT
    trap 'on_signal 143' TERM
    trap 'on_signal 129' HUP
    trap on_exit EXIT
    install_packages
    build
    step "preparing the ikcp client" tests/interop/install_peer.sh
    reserve_hugepages
    local status=0
    setsid python3 tests/interop/main_job.py "${job_options[@]}" </dev/null &
    child=$!
    wait "$child" || status=$?
    child=
    say "done after $SECONDS s"
    exit "$status"
}

main "$@"
