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
    printf '# %s\n%s\n\n' "$*" "$(grep -F "$words" <<<"$said")" | tee -a /job/refusals
}

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

# Starts penstock and waits until it serves; its process is $penstock.
start_penstock() {
    printf '\n# penstock %s &\n' "$*" | tee -a /job/transcript
    penstock "$@" >/job/penstock.log 2>&1 &
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
