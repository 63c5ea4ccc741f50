#!/usr/bin/env bash
# build_peer_go.sh - build kcp-go's peer of the interop tests, tests/interop/peer_go,
# with the sources of kcp-go that Debian ships.
#
# Usage: tests/interop/build_peer_go.sh [OUTPUT]     (default build/peers/peer_go)
#
# Nothing is fetched: the modules lie below /usr/share/gocode. Any failure is
# an error: a suite without its real peer would prove nothing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)

die() {
    echo "build_peer_go: $*" >&2
    exit 1
}

case "${1:-}" in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    -*) echo "build_peer_go: unknown option '$1' (see --help)" >&2 && exit 2 ;;
esac
output=${1:-$repo/build/peers/peer_go}
command -v go >/dev/null || die "'go' is missing; on Debian: apt-get install golang-go"
[[ -d /usr/share/gocode/src/github.com/xtaci/kcp-go ]] ||
    die "kcp-go is missing; on Debian: apt-get install golang-github-xtaci-kcp-dev"
mkdir -p "$(dirname "$output")"
# Go wants its packages below GOPATH/src, and a cache that is ours.
export GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS='' GOCACHE="$repo/build/peers/go-cache"
(cd "$here/peer_go" && go build -o "$output" .) || die "peer_go did not compile"
echo "build_peer_go: $output is ready"
