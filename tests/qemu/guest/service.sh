#!/usr/bin/env bash
# service.sh - penstock as an installed service under systemd, as
# docs/operations.md tells it: install, bind for good, reserve by the unit,
# start, look at the fence, kill, stop. Then the same card for a plain user, and
# back to the kernel. Clients of the test ask each penstock that serves.
#
# Settings: CARDS PORTS LCORES CHECKSUM POLL
set -euo pipefail

# What is installed, and nothing of the build.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
# shellcheck disable=SC2153  # a setting of the test
card=$CARDS
unit=penstock@edge
device=/sys/bus/pci/devices/$card
config=/etc/penstock/edge.toml

show() { systemctl show -P "$1" "$unit"; }

install_stage() {
    cp -a /job/stage/. /
    step systemd-sysusers
    step systemd-tmpfiles --create penstock.conf
    step udevadm control --reload
    step systemctl daemon-reload
}

bind() {
    local file driver
    driver=$(basename "$(readlink "$device/driver")")
    step penstock-bind --persist "$card"
    step cat "/etc/driverctl.d/pci-$card"
    find_after_boot "$driver"
    # The rule of udev gives the device's file to the group penstock.
    udevadm settle
    file=/dev/vfio/$(basename "$(readlink "$device/iommu_group")")
    step ls -l "$file"
    [[ $(stat -c '%G %a' "$file") == "penstock 660" ]] || fail "$file is not the group's"
}

# What a boot does: /run is empty, the kernel's driver takes the card, udev finds
# it, and the unit of driverctl takes it back.
find_after_boot() {
    rm -r /run/penstock 2>/dev/null || true
    echo >"$device/driver_override"
    dpdk-devbind.py --bind="$1" "$card"
    [[ $(basename "$(readlink "$device/driver")") == "$1" ]] || fail "the kernel's driver did not take $card"
    udevadm trigger --action=add "$device"
    until [[ $(basename "$(readlink "$device/driver")") == vfio-pci ]]; do sleep 0.2; done
}

configure() {
    local need
    write_config "$config"
    chgrp penstock "$config" && chmod 640 "$config"
    need=$(penstock-hugepages --dry-run --config "$config" --workers 1 | sed -n 's/.* needs \([0-9]*\) MB for.*/\1/p')
    echo "MEGABYTES=$need" >/etc/default/penstock-hugepages
    echo "EAL_ARGS=\"-l $LCORES -a $card --in-memory\"" >/etc/default/penstock-edge
    step cat /etc/default/penstock-hugepages /etc/default/penstock-edge
    step systemctl enable --now penstock-hugepages
}

# Serves at once when `systemctl start` returns.
start() {
    step systemctl enable --now "$unit"
    [[ $(show StatusText) == serving* ]] || fail "systemctl start returned, and the status is '$(show StatusText)'"
    step systemctl --no-pager --full status "$unit"
    step journalctl --no-pager -o cat -u "$unit"
    [[ $(journalctl --no-pager -o cat -u "$unit" | grep -c 'VFIO support initialized') == 1 ]] ||
        fail "the journal has EAL's words twice"
}

# Whether root itself, inside the unit's control group, may open a device.
opens_in_unit() {
    bash -c 'echo $$ >"/sys/fs/cgroup$1/cgroup.procs" && : <"$2"' - "$(show ControlGroup)" "$1" 2>/dev/null
}

fenced_in() {
    local process
    process=$(show MainPID)
    step ps -o user,group,nlwp,args -p "$process"
    step grep -E '^(Cap|NoNewPrivs|Seccomp:)' "/proc/$process/status"
    step nsenter -t "$process" --net ip -brief link
    [[ $(ps -o user=,group= -p "$process" | xargs) == "penstock penstock" ]] || fail "it does not run as penstock"
    [[ -z $(awk '/^Cap/ && $2 ~ /[^0]/' "/proc/$process/status") ]] || fail "it has a capability"
    grep -Eq '^Max locked memory +unlimited +unlimited ' "/proc/$process/limits" || fail "it may not lock what it wants"
    [[ $(nsenter -t "$process" --net ip -brief link | wc -l) == 1 ]] || fail "it sees interfaces of the kernel"
    opens_in_unit /dev/vfio/vfio || fail "its control group may not open /dev/vfio/vfio"
    ! opens_in_unit /dev/kmsg || fail "its control group may open /dev/kmsg"
}

look() {
    ask edge /penstock/info /penstock/workers /penstock/port,0
    step penstock-top --batch 1 -f edge
}

# Nobody helps: systemd starts it anew, and it serves.
kill_it() {
    step systemctl kill -s KILL "$unit"
    until [[ $(show NRestarts) == 1 && $(show ActiveState) == active ]]; do
        [[ $(show ActiveState) != failed ]] || fail "it was not started again: $(show StatusText)"
        sleep 0.2
    done
    step systemctl --no-pager --full status "$unit"
}

stop() {
    step systemctl disable --now "$unit"
    step systemctl show -p Result,ExecMainStatus "$unit"
    [[ $(show Result) == success ]] || fail "the stop ended with $(show Result): $(journalctl -o cat -n 5 -u "$unit")"
    [[ ! -e /run/dpdk/edge ]] || fail "/run/dpdk/edge is left"
}

# Without systemd: a user who owns the device's file and may lock enough.
serve_as_plain_user() {
    local own=/run/nobody command
    step penstock-bind --owner nobody "$card"
    install -d -m 700 -o nobody "$own"
    install -m 600 -o nobody "$config" "$own/edge.toml"
    command=(setpriv --reuid=nobody --regid=nogroup --clear-groups env XDG_RUNTIME_DIR="$own"
        penstock -l "$LCORES" -a "$card" --in-memory --file-prefix=plain -- --config "$own/edge.toml")
    refused 2 "vfio must lock" prlimit --memlock=65536 "${command[@]}"
    start_penstock prlimit --memlock=unlimited "${command[@]}"
    # shellcheck disable=SC2154  # set by start_penstock
    [[ $(ps -o user= -p "$penstock") == nobody ]] || fail "it does not run as nobody"
    signal plain
    wait_for_test asked-plain
    stop_penstock
}

give_back() {
    step penstock-unbind --all
    [[ ! -e /etc/driverctl.d/pci-$card ]] || fail "the override of driverctl is left"
    [[ ! -e /var/lib/penstock ]] || fail "the note of what was bound is left"
    step systemctl disable --now penstock-hugepages
    [[ $(cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages) == 0 ]] || fail "hugepages are left"
    let_kernel_answer
}

udevadm settle
install_stage
bind
configure
start
fenced_in
signal serving
wait_for_test asked-serving
look
kill_it
signal restarted
wait_for_test asked-restarted
stop
serve_as_plain_user
give_back
