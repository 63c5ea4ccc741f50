#!/usr/bin/env bash
# begin.sh - runs the script that the test named, with the guest's few words
# (lib.sh) and the test's settings. Its status is the guest's.
export PATH=/penstock/build/app/penstock:/penstock/build/app/load:/penstock/build/app/top:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C
cd /penstock || exit 1
# shellcheck source=/dev/null  # made by the test
. /job/settings
export CARDS
. tests/qemu/guest/lib.sh
# shellcheck source=/dev/null
. "tests/qemu/guest/$(</job/script)"
