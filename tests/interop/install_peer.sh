#!/usr/bin/env bash
# install_peer.sh - install the real KCP client that the interop tests talk
# with: the npm package node-kcp (it carries the original ikcp.c) with its
# native addon compiled on this machine.
#
# Usage: tests/interop/install_peer.sh [DIR]     (default build/peers/node-kcp)
#
# The versions and the integrity hashes are those of tests/interop/peer/; a
# package that differs is refused by npm. A second call finds the addon, loads
# it once to be sure and is done. Any failure is an error: a suite without its
# real peer would prove nothing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)

die() {
    echo "install_peer: $*" >&2
    exit 1
}

# The package's own `main` does not load the addon, so everyone who wants it
# requires this path.
addon_of() { echo "$1/node_modules/node-kcp/build/Release/kcp.node"; }

# Loading and using the addon is the only proof that it was built for this
# very node: a changed node version leaves a file that does not load.
addon_works() {
    local addon
    addon=$(addon_of "$1")
    [[ -f $addon ]] || return 1
    cmp -s "$here/peer/package-lock.json" "$1/package-lock.json" || return 1
    node -e 'const { KCP } = require(process.argv[1]);
             new KCP(1, {}).nodelay(1, 10, 2, 1);' "$addon" 2>/dev/null
}

# node-gyp would fetch the headers of node from the net. They are on the disk
# already: beside node itself, or in Debian's libnode-dev, both of which put
# them into <prefix>/include/node.
header_prefix() {
    local prefix
    prefix=$(node -p 'require("path").dirname(require("path").dirname(
                      require("fs").realpathSync(process.execPath)))')
    local candidate
    for candidate in "$prefix" /usr /usr/local; do
        if [[ -f $candidate/include/node/node.h && -f $candidate/include/node/common.gypi ]]; then
            echo "$candidate"
            return
        fi
    done
    die "node's headers are missing (include/node/node.h); with Debian's nodejs: apt-get install libnode-dev"
}

need_tools() {
    local tool
    for tool in node npm g++ make python3; do
        command -v "$tool" >/dev/null ||
            die "'$tool' is missing; on Debian: apt-get install nodejs npm node-gyp libnode-dev g++ make python3"
    done
}

install_into() {
    local dir=$1 prefix
    prefix=$(header_prefix)
    mkdir -p "$dir"
    cp "$here/peer/package.json" "$here/peer/package-lock.json" "$dir/"
    # Newer npm holds install scripts back until they are approved, older npm
    # runs them; taking the files first and rebuilding by name is the same with
    # all of them. Settings go through the environment because npm 11 warns of
    # flags that only node-gyp knows.
    export npm_config_loglevel=error npm_config_audit=false npm_config_fund=false
    export npm_config_update_notifier=false npm_config_nodedir=$prefix
    export npm_package_config_node_gyp_nodedir=$prefix
    (
        cd "$dir"
        npm ci --ignore-scripts || die "npm could not install node-kcp; is the npm registry reachable?"
        npm rebuild node-kcp --ignore-scripts=false ||
            die "the native addon of node-kcp did not compile (headers: $prefix/include/node)"
    )
}

main() {
    case "${1:-}" in
        -h | --help)
            sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        -*) die "unknown option '$1' (see --help)" ;;
    esac
    local dir=${1:-$repo/build/peers/node-kcp}
    need_tools
    if addon_works "$dir"; then
        echo "install_peer: node-kcp is ready in $dir"
        return
    fi
    echo "install_peer: installing node-kcp into $dir"
    install_into "$dir"
    addon_works "$dir" || die "node-kcp was built but does not load: $(addon_of "$dir")"
    echo "install_peer: node-kcp is ready in $dir"
}

main "$@"
