#!/usr/bin/env bash
# systemd.sh - the guest's first process after init: makes of the root a small
# machine that systemd runs as any other, and becomes systemd. Of the units that
# the machine of the test has, a boot takes the journal, udev and the hugetlbfs;
# everything else would cost time and shows nothing. guest.service is the test.
set -euo pipefail

units=/usr/lib/systemd/system
# The root is a tmpfs above the machine's: nothing of this comes back.
rm -rf /etc/systemd/system/* "$units"/*.wants /usr/lib/systemd/system-generators
for unit in systemd-journald systemd-udevd systemd-udev-trigger; do
    install -d "$units/sysinit.target.wants"
    ln -s "../$unit.service" "$units/sysinit.target.wants"
done
ln -s ../dev-hugepages.mount "$units/sysinit.target.wants"
ln -s "$units/multi-user.target" /etc/systemd/system/default.target
install -m 644 -D -t "$units" /penstock/tests/qemu/guest/guest.service
install -d "$units/multi-user.target.wants"
ln -s ../guest.service "$units/multi-user.target.wants"
echo edge1 >/etc/hostname
exec /usr/lib/systemd/systemd
