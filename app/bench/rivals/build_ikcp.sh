#!/usr/bin/env bash
# build_ikcp.sh - make a shared object of the original ikcp.c, as npm's
# node-kcp carries it, for penstock-bench to measure beside Penstock.
#
# Usage: app/bench/rivals/build_ikcp.sh [OUTPUT]     (default build/rivals/libikcp.so)
#
# The source is fetched by tests/interop/install_peer.sh, pinned and verified,
# and stays in the build directory. It gets the flags that our own code has.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../../.." && pwd)

case "${1:-}" in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    -*) echo "build_ikcp: unknown option '$1' (see --help)" >&2 && exit 2 ;;
esac
output=${1:-$repo/build/rivals/libikcp.so}
peer=$repo/build/peers/node-kcp
source=$peer/node_modules/node-kcp/src/kcp

if [[ -f $output && $output -nt $here/ikcp_shim.c ]]; then exit 0; fi
[[ -f $source/ikcp.c ]] || "$repo/tests/interop/install_peer.sh" "$peer" >&2
mkdir -p "$(dirname "$output")"
cc -O3 -march=x86-64-v3 -fPIC -fno-semantic-interposition -shared -Wl,-Bsymbolic -I "$source" \
    -o "$output.partial" "$source/ikcp.c" "$here/ikcp_shim.c"
mv "$output.partial" "$output"
