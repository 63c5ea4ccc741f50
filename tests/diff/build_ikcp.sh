#!/usr/bin/env bash
# build_ikcp.sh - make the oracle of the differential tests: a shared object of
# the original ikcp.c, as npm's node-kcp carries it, with ikcp_shim.c around it.
#
# Usage: tests/diff/build_ikcp.sh [OUTPUT]     (default build/diff/libikcp.so)
#
# The source is fetched by tests/interop/install_peer.sh, pinned and verified,
# and stays in the build directory. Any failure is an error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)

case "${1:-}" in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    -*) echo "build_ikcp: unknown option '$1' (see --help)" >&2 && exit 2 ;;
esac
output=${1:-$repo/build/diff/libikcp.so}
peer=$repo/build/peers/node-kcp
source=$peer/node_modules/node-kcp/src/kcp

"$repo/tests/interop/install_peer.sh" "$peer"
mkdir -p "$(dirname "$output")"
# Signed overflow is one of the things shown: it wraps
# here, so that every machine sees the same.
cc -O2 -g -fwrapv -fPIC -shared -Wl,-Bsymbolic -I "$source" -o "$output.partial" "$here/ikcp_shim.c"
mv "$output.partial" "$output"
echo "build_ikcp: $output is ready"
