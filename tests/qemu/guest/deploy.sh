#!/usr/bin/env bash
# deploy.sh - from a bare machine to served clients and back, as
# docs/operations.md tells it: status, bind, reserve, start, look, stop, give
# back. Each step is tried too early or wrongly first, where WRONG_STEPS says
# so; then the very command that a refusal names binds and reserves. The test
# outside drives the clients in between.
#
# Settings: CARDS PORTS VDEV EAL DRIVER LCORES WORKERS CHECKSUM POLL SAMPLES
# WRONG_STEPS MTU_MAX
set -euo pipefail

# shellcheck disable=SC2153  # a setting of the test
card=${CARDS%% *}
config=/etc/penstock/edge.toml
# shellcheck disable=SC2206  # several words, or none
cards=($EAL)
for one in $CARDS; do cards+=(-a "$one"); done
[[ -z $VDEV ]] || cards+=("--vdev=$VDEV")
# What the refusals name takes the place of these.
bind=()
reserve=(hugepages-setup/reserve.sh --config "$config" --workers "$WORKERS")
start=(-l "$LCORES" "${cards[@]}" --in-memory --file-prefix=edge -- --config "$config")

wrong_steps_before_bind() {
    refused_and_mended_by drivers-config/bind.sh 2 "is still with the kernel's driver" penstock "${start[@]}"
    bind=("${mends[@]}")
    sed "s/$card/0000:00:1f.7/" "$config" >/tmp/absent.toml
    refused 2 "there is no NIC 0000:00:1f.7" penstock -l 1 -- --config /tmp/absent.toml
    ip link set "$(interface_of "$card")" up
    refused 1 "--force" drivers-config/bind.sh "$card"
    ip link set "$(interface_of "$card")" down
}

wrong_steps_before_reserve() {
    refused_and_mended_by hugepages-setup/reserve.sh 2 "too few hugepages" penstock "${start[@]}"
    reserve=("${mends[@]}")
}

# The same start with an mtu of the port's.
long_mtu() {
    sed "/^rx_checksum/a mtu = $1" "$config" >/tmp/long.toml
    with_long_mtu=("${start[@]:0:${#start[@]}-1}" /tmp/long.toml)
}

# Where the card bears less than frames may have, and says so.
wrong_mtu() {
    long_mtu $((MTU_MAX + 1))
    refused 2 "to $MTU_MAX, not $((MTU_MAX + 1)): set mtu of its [[port]] to one of these" penstock "${with_long_mtu[@]}"
}

wrong_steps_before_start() {
    install -d -m 700 -o nobody /run/nobody
    refused 2 "no permission to open /dev/vfio/" \
        setpriv --reuid=65534 --regid=65534 --clear-groups env XDG_RUNTIME_DIR=/run/nobody penstock "${start[@]}"
    refused 2 "is none of those that -a allows" penstock -l 1 -a 0000:00:1f.7 -- --config "$config"
    refused 2 "keeps EAL from NIC" penstock -l 1 --no-pci -- --config "$config"
    mkdir -m 777 /run/theirs
    refused 2 "can be written to by others" env RUNTIME_DIRECTORY=/run/theirs penstock "${start[@]}"
    long_mtu 9300
    refused 2 "mtu: 9300 is above 9000" penstock "${with_long_mtu[@]}"
    # A worker wants a queue of its own; lcores need not be CPUs of their own.
    refused 2 "give -l at most" penstock --lcores "0@0,1@0,2@0" "${start[@]:2}"
}

wrong_steps_while_running() {
    refused 2 'runs with the prefix "edge"' penstock "${start[@]}"
    refused 2 "is in use by another process" penstock -l 0 "${cards[@]}" --in-memory --file-prefix=other -- --config "$config"
}

# What the workers hold, for the test to compare.
sample() {
    local commands=(/penstock/workers)
    for ((worker = 0; worker < WORKERS; ++worker)); do commands+=("/penstock/sessions,$worker,0"); done
    printf '%s\n' "${commands[@]}" | dpdk-telemetry.py -f edge 2>&1 | grep -o '{"/.*' >"/job/sample.$1"
    signal "sampled-$1"
}

# Where there is no IOMMU, penstock and bind.sh both say so before anything else.
wrong_steps_without_iommu() {
    refused 2 "no IOMMU is on: boot with intel_iommu=on iommu=pt" penstock "${start[@]}"
    refused 1 "intel_iommu=on" drivers-config/bind.sh "$card"
}

look() {
    step drivers-config/status.sh
    for one in $CARDS; do say "$one is the kernel's $(interface_of "$one")"; done
    [[ -z $WRONG_STEPS ]] || wrong_steps_before_bind
    [[ -e /sys/kernel/iommu_groups/0 ]] || wrong_steps_without_iommu
}

prepare() {
    local one
    if ((${#bind[@]} > 0)); then
        step "${bind[@]}"
    else
        for one in $CARDS; do step drivers-config/bind.sh ${DRIVER:+--driver "$DRIVER"} "$one"; done
    fi
    [[ -z $WRONG_STEPS ]] || wrong_steps_before_reserve
    step "${reserve[@]}"
    step hugepages-setup/verify.sh
    [[ -z $WRONG_STEPS ]] || wrong_steps_before_start
    [[ -z $MTU_MAX ]] || wrong_mtu
}

serve() {
    start_penstock penstock "${start[@]}"
    [[ -z $WRONG_STEPS ]] || wrong_steps_while_running
    interrupts=$(vfio_interrupts)
    signal serving
    for name in $SAMPLES; do
        wait_for_test "$name"
        sample "$name"
    done
    wait_for_test clients
    [[ $POLL != adaptive ]] || woken_by_interrupts
    ask edge /penstock/info /penstock/workers /penstock/port,0
    step penstock-top --batch 1 -f edge
    signal asked
    stop_penstock
}

# A timer would wake the workers, too. How often a worker sleeps is a matter of speed; that a card woke it ten times is not.
woken_by_interrupts() {
    local now
    now=$(vfio_interrupts)
    say "vfio had $interrupts interrupts before the clients, $now after them"
    ((now - interrupts >= 10)) || fail "vfio had $((now - interrupts)) interrupts while clients were served"
}

give_back() {
    step drivers-config/unbind.sh --all
    step hugepages-setup/reserve.sh --release
    let_kernel_answer
}

mkdir -p /etc/penstock
write_config "$config"
look
prepare
serve
give_back
