#!/usr/bin/env bash
# lib.sh - words for the guest's scripts. Nothing is pinned to time: who waits,
# waits for something to be so, and the test's own guard ends a guest that hangs.
set -euo pipefail

# For the test, by files in the folder that both see.
signal() { : >"/job/guest.$1"; }
wait_for_test() { until [[ -e /job/test.$1 ]]; do sleep 0.2; done; }

say() { echo "guest: [$(cut -d' ' -f1 /proc/uptime)] $*"; }

fail() {
    echo "guest: FAILED: $*"
    exit 1
}

# A step of the transcript: the command as an operator types it, and what it
# prints. Its status counts.
step() {
    {
        printf '\n# %s\n' "$*"
        "$@" 2>&1
    } | tee -a /job/transcript
}

# The same for a step that must be refused with this status and words.
refused() {
    local status=$1 words=$2 got=0 said
    shift 2
    said=$("$@" 2>&1) || got=$?
    ((got == status)) || fail "'$*' ended with $got, not $status: $said"
    [[ $said == *"$words"* ]] || fail "'$*' did not say '$words': $said"
    # Without what EAL had to say before and after.
    printf '# %s\n%s\n\n' "$*" "$(grep -F -e "$words" <<<"$said")" | tee -a /job/refusals
}

# The same for a refusal that names the command which mends it: its words are in $mends afterwards.
refused_and_mended_by() {
    local beginning=$1 words=$3 sentence
    shift
    refused "$@"
    sentence=$(grep -F -e "$words" /job/refusals | tail -n 1)
    [[ $sentence == *"run $beginning "* ]] || fail "'$sentence' names no command that begins with '$beginning'"
    # Behind a comma stands what else would do.
    sentence=${sentence##*: run }
    # shellcheck disable=SC2034  # read by the caller
    read -ra mends <<<"${sentence%%, *}"
}

# How many interrupts vfio has had.
vfio_interrupts() { awk '/vfio/ { for (i = 2; $i ~ /^[0-9]+$/; ++i) sum += $i } END { print sum + 0 }' /proc/interrupts; }

# Asks the stats socket of a file prefix, as a step.
ask() {
    local prefix=$1 command
    shift
    for command in "$@"; do
        {
            printf '\n# echo %s | dpdk-telemetry.py -f %s\n' "$command" "$prefix"
            echo "$command" | dpdk-telemetry.py -f "$prefix" 2>&1 | grep -o '{"/.*'
        } | tee -a /job/transcript
    done
}

# Starts penstock by this command and waits until it serves; its process is
# $penstock.
start_penstock() {
    printf '\n# %s &\n' "$*" | tee -a /job/transcript
    "$@" >/job/penstock.log 2>&1 &
    penstock=$!
    until grep -q 'serving' /job/penstock.log; do
        kill -0 "$penstock" 2>/dev/null || { cat /job/penstock.log && fail "penstock ended at its start"; }
        sleep 0.2
    done
    grep '^penstock' /job/penstock.log | tee -a /job/transcript
}

stop_penstock() {
    local status=0 from
    from=$(wc -l </job/penstock.log)
    printf '\n# kill -TERM %%1\n' >>/job/transcript
    kill -TERM "$penstock"
    wait "$penstock" || status=$?
    tail -n +"$((from + 1))" /job/penstock.log | tee -a /job/transcript
    ((status == 0)) || fail "penstock ended with $status: $(tail -n 5 /job/penstock.log)"
}

# The configuration of all PORTS: 10.77.0.2 on the first, 10.78.0.2 on the next.
write_config() {
    local config=$1 number=77 one
    {
        printf '[limits]\nsessions_max = 1024\n\n[workers]\npoll = "%s"\n' "$POLL"
        for one in $PORTS; do
            printf '\n[[port]]\ndevice = "%s"\naddresses = ["10.%d.0.2/24", "fd%d::2/64"]\nrx_checksum = "%s"\n' \
                "$one" "$number" "$number" "$CHECKSUM"
            number=$((number + 1))
        done
        printf '\n[[listener]]\nname = "echo"\nport = 4000\nservice = "echo"\n'
    } >"$config"
}

# The interface of a card that the kernel drives.
interface_of() {
    local found=(/sys/bus/pci/devices/"$1"/net/* /sys/bus/pci/devices/"$1"/virtio*/net/*)
    for one in "${found[@]}"; do [[ ! -e $one ]] || basename "$one"; done
}

# The cards are the kernel's again, and the test may ping them: 10.77.0.2 on the first, 10.78.0.2 on the next. Of cards that
# were one port, which have one address, it pings the first.
let_kernel_answer() {
    local one interface number=77
    for one in $CARDS; do
        interface=$(interface_of "$one")
        [[ -n $interface ]] || fail "$one has no interface of the kernel any more"
        [[ $PORTS == *"$one"* || $number == 77 ]] || continue
        ip addr add "10.$number.0.2/24" dev "$interface"
        ip addr add "fd$number::2/64" dev "$interface" nodad
        ip link set "$interface" up
        number=$((number + 1))
    done
    signal kernel
    wait_for_test pinged
}
