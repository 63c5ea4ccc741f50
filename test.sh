#!/usr/bin/env bash
# test.sh - the project's second command: on a fresh Debian 12, as root, it
# installs what is missing, builds with and without sanitizers, and runs every
# part of the suite. docs/testing.md tells what each part shows.
#
# Usage: ./test.sh [--long] [--planted [N]] [--only PART]... [--help]
#
#   --long         more simulated worlds, up to 10,000,000 sessions, an hour
#                  for each fuzz harness, and every planted fault: hours
#   --planted [N]  all planted faults, or N of them, instead of five in turn
#   --only PART    this part; may be repeated. Parts, in this order:
#                  tidy unit unit-asan sim sim-asan diff fuzz dpdk threads speed
#                  badinput scripts syscalls service load interop telemetry
#                  top qemu main planted coverage; coverage runs with
#                  --long only, unless it is named
#
# Every part is counted: a part that is missing, told no count or ran out of
# its time is a failure. Logs are in build/test-logs. The last line is
# "N passed, N failed"; exit 0 only if none failed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"

parts=(tidy unit unit-asan sim sim-asan diff fuzz dpdk threads speed badinput scripts syscalls service load interop telemetry top qemu main planted coverage)
logs=build/test-logs
only=()
long=no
planted=5
passed=0
failed=0
declare -A built=()

# A wrong access or an undefined operation ends the test at once, not just
# with a message.
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

say() { printf 'test: %4d s  %s\n' "$SECONDS" "$*"; }

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

wrong_use() {
    echo "test: $* (see --help)" >&2
    exit 2
}

parse() {
    while (($# > 0)); do
        case "$1" in
            --long) long=yes && planted=all ;;
            --planted)
                planted=all
                if [[ ${2:-} =~ ^[0-9]+$ ]]; then planted=$2 && shift; fi
                ;;
            --only)
                [[ " ${parts[*]} " == *" ${2:-} "* ]] || wrong_use "--only needs one of: ${parts[*]}"
                only+=("$2") && shift
                ;;
            -h | --help) usage && exit 0 ;;
            *) wrong_use "unknown option '$1'" ;;
        esac
        shift
    done
    ((${#only[@]} == 0)) || return 0
    only=("${parts[@]}")
    # The last part.
    [[ $long == yes ]] || unset 'only[-1]'
}

install_packages() {
    local wanted=(dpdk dpdk-dev libdpdk-dev meson ninja-build g++ make libboost-dev libfmt-dev catch2
        libcli11-dev libtomlplusplus-dev libseccomp-dev nlohmann-json3-dev libncurses-dev pkg-config ethtool iproute2
        strace ccache clang-format-14 shellcheck git valgrind tmux systemd udev mandoc man-db qemu-system-x86 seabios busybox-static
        cpio kmod pciutils driverctl procps openssh-client dropbear-bin nftables conntrack golang-go
        golang-github-xtaci-kcp-dev clang-19 libclang-rt-19-dev llvm-19)
    local missing=() package
    command -v python3 >/dev/null || wanted+=(python3)
    # A node from elsewhere is as good as Debian's, and must not be replaced.
    command -v node >/dev/null || wanted+=(nodejs libnode-dev node-gyp)
    command -v npm >/dev/null || wanted+=(npm ca-certificates)
    for package in "${wanted[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            missing+=("$package")
    done
    ((${#missing[@]} > 0)) || return 0
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-get update && dpkg --configure -a &&
            apt-get install -y --no-install-recommends "${missing[@]}"
    } >"$logs/packages.log" 2>&1 || {
        tail -n 20 "$logs/packages.log" >&2
        echo "test: these packages could not be installed: ${missing[*]}" >&2
        exit 1
    }
}

# The cases that a log tells of: Catch2's totals and the closing lines of our
# own scripts. Prints "PASSED FAILED".
cases_of() {
    awk '
        /^All tests passed \(.* in [0-9]+ test case/ { sub(/.* in /, ""); passed += $1 }
        /^test cases: / {
            for (i = 3; i <= NF; i++) {
                if ($i == "passed") passed += $(i - 1)
                if ($i == "failed") failed += $(i - 1)
            }
        }
        /^([a-z]+: )?[0-9]+ passed, [0-9]+ failed$/ { passed += $(NF - 3); failed += $(NF - 1) }
        END { print passed + 0, failed + 0 }' "$1"
}

# Runs a command with its output in the part's log, for at most so many
# seconds, and counts a failure that the log does not tell.
step() {
    local part=$1 limit=$2 status=0 before after
    shift 2
    before=$(cases_of "$logs/$part.log")
    echo "== $*" >>"$logs/$part.log"
    timeout --kill-after=20 "$limit" "$@" >>"$logs/$part.log" 2>&1 </dev/null || status=$?
    after=$(cases_of "$logs/$part.log")
    if [[ $before == "$after" ]]; then
        echo "test.sh: no count was told by: $*" >>"$logs/$part.log"
        echo "0 passed, 1 failed" >>"$logs/$part.log"
    elif ((status != 0 && ${before#* } == ${after#* })); then
        echo "test.sh: status $status of: $*" >>"$logs/$part.log"
        echo "0 passed, 1 failed" >>"$logs/$part.log"
    fi
}

# Counts a command without a count of its own as one case.
one_case() {
    local part=$1 limit=$2 status=0
    shift 2
    echo "== $*" >>"$logs/$part.log"
    timeout --kill-after=20 "$limit" "$@" >>"$logs/$part.log" 2>&1 </dev/null || status=$?
    if ((status == 0)); then
        echo "1 passed, 0 failed" >>"$logs/$part.log"
    else
        printf 'test.sh: status %d of: %s\n0 passed, 1 failed\n' "$status" "$*" >>"$logs/$part.log"
    fi
}

# Configures a build directory once a run, and builds the targets.
build() {
    local dir=$1 options=$2 started=$SECONDS log
    shift 2
    log=$logs/$dir.log
    if [[ -z ${built[$dir]:-} ]]; then
        built[$dir]=yes
        : >"$log"
        local known=()
        # What was configured before may lack what came since.
        [[ ! -f $dir/build.ninja ]] || known=(--reconfigure)
        # shellcheck disable=SC2086  # several options in one word
        meson setup "${known[@]}" "$dir" $options >>"$log" 2>&1 || { tail -n 20 "$log" >&2 && return 1; }
    fi
    timeout 3600 ninja -C "$dir" "$@" >>"$log" 2>&1 || {
        grep -E -A 3 'error|FAILED' "$log" | tail -n 30 >&2
        return 1
    }
    say "  built $dir in $((SECONDS - started)) s"
}

build_release() { build build --buildtype=release; }
build_asan() {
    build build-asan '-Ddpdk=false -Db_sanitize=address,undefined -Db_lundef=false --buildtype=debugoptimized -Doptimization=1'
}
build_tsan() {
    build build-tsan '-Ddpdk=false -Db_sanitize=thread -Db_lundef=false --buildtype=debugoptimized -Doptimization=1' thread-tests
}

build_fuzz() {
    CC='ccache clang-19' CXX='ccache clang++-19' build build-fuzz \
        '-Ddpdk=false -Dfuzzing=true -Db_sanitize=address,undefined -Db_lundef=false --buildtype=debugoptimized -Doptimization=1' fuzz
}

# Without sanitizers, for number.
build_fuzz_fast() {
    CC='ccache clang-19' CXX='ccache clang++-19' build build-fuzz-fast \
        '-Ddpdk=false -Dfuzzing=true -Db_lundef=false --buildtype=release -Doptimization=2' fuzz
}
build_coverage() {
    local targets
    mapfile -t targets < <(tests/coverage/run.py --targets)
    CC='ccache clang-19' CXX='ccache clang++-19' build build-coverage \
        '-Ddpdk=false -Dcoverage=true -Db_lundef=false --buildtype=debugoptimized -Doptimization=1' "${targets[@]}"
}

# Catch2 programs below a folder of a build, each a step. There must be one.
catch_programs() {
    local part=$1 dir=$2 program
    local programs=()
    mapfile -t programs < <(find "$dir" -type f -executable -name '*_test' 2>/dev/null | sort)
    ((${#programs[@]} > 0)) || one_case "$part" 1 test -d "$dir/with-tests"
    for program in "${programs[@]}"; do step "$part" 900 "$program"; done
}

part_tidy() {
    one_case tidy 300 tests/tidy/run
    step tidy 300 tests/tidy/selftest.py
}
part_unit() { build_release && catch_programs unit build/tests/unit; }
part_unit-asan() { build_asan && catch_programs unit-asan build-asan/tests/unit; }
part_sim() {
    build_release || return 1
    catch_programs sim build/tests/sim
    catch_programs sim build/tests/packets
    step sim 600 build/tests/packets/penstock-packets tests/packets
    # All worlds together are one case, whatever their number.
    one_case sim 14400 build/tests/sim/penstock-sim --seed 1 --seeds "$([[ $long == yes ]] && echo 20000 || echo 500)" \
        --jobs 2 --require-coverage --shrink
}
part_sim-asan() {
    build_asan || return 1
    catch_programs sim-asan build-asan/tests/sim
    catch_programs sim-asan build-asan/tests/packets
    step sim-asan 600 build-asan/tests/packets/penstock-packets tests/packets
    # Other worlds than those of the release build.
    one_case sim-asan 14400 build-asan/tests/sim/penstock-sim --seed 100001 \
        --seeds "$([[ $long == yes ]] && echo 2000 || echo 40)" --jobs 2 --shrink
}
part_diff() {
    # The oracle first: without it there is nothing to compare with.
    one_case diff 900 tests/diff/build_ikcp.sh
    build_release || return 1
    local more=()
    [[ $long == no ]] || more=(--long)
    step diff 14400 build/tests/diff/penstock-diff "${more[@]}"
    # Senders over a virtual path have the same ikcp as their receiver.
    catch_programs diff build/tests/path
}
part_fuzz() {
    build_fuzz || return 1
    # Replay of every corpus, then a search by each harness, two at a time. The suite judges a change, so it begins its
    # searches the same way each time; what is new is looked for with --long.
    if [[ $long == yes ]]; then
        step fuzz 21600 python3 tests/fuzz/run.py --seconds 3600
        build_fuzz_fast || return 1
        step fuzz 10800 python3 tests/fuzz/run.py --build build-fuzz-fast --executions 1000000000 --seconds 120 --at-most 7200
    else step fuzz 1800 python3 tests/fuzz/run.py --seconds 20 --seed 1; fi
}
part_dpdk() { build_release && catch_programs dpdk build/tests/dpdk; }
part_threads() { build_tsan && catch_programs threads build-tsan/tests/threads; }
part_speed() { build_release && step speed 600 python3 tests/speed/run.py; }
part_badinput() { build_release && step badinput 900 python3 tests/badinput/run.py build/app/penstock/penstock; }
part_scripts() { step scripts 600 python3 tests/scripts/run.py; }
part_syscalls() { build_release && step syscalls 1800 python3 tests/syscalls/run.py; }
part_service() {
    build_release || return 1
    # As a distribution would build it; ccache has all of it.
    build build-install '--buildtype=release --prefix=/usr' app/penstock/penstock \
        app/load/penstock-load app/top/penstock-top || return 1
    one_case service 900 tests/interop/install_peer.sh || return 1
    step service 600 python3 tests/service/run.py
}
part_load() {
    build_release || return 1
    local more=()
    [[ $long == no ]] || more=(--long)
    step load 3600 python3 tests/load/run.py "${more[@]}"
}
part_top() { build_release && step top 600 python3 tests/top/run.py; }
part_interop() {
    build_release || return 1
    one_case interop 900 tests/interop/install_peer.sh
    local more=()
    [[ $long == no ]] || more=(--long)
    step interop 3600 python3 tests/interop/run.py "${more[@]}"
}
part_telemetry() {
    build_release || return 1
    one_case telemetry 900 tests/interop/install_peer.sh
    step telemetry 900 python3 tests/telemetry/run.py
}
part_qemu() {
    build_release || return 1
    one_case qemu 900 tests/interop/install_peer.sh
    local more=()
    [[ $long == no ]] || more=(--long)
    step qemu 3600 python3 tests/qemu/run.py "${more[@]}"
}
part_main() { one_case main 1200 ./run.sh; }
part_planted() {
    local choice=(--all)
    one_case planted 900 tests/diff/build_ikcp.sh
    # The turn moves on with every commit, so that all faults come round.
    [[ $planted == all ]] || choice=(--some "$planted" --turn "$(git rev-list --count HEAD)")
    step planted 14400 python3 tests/planted/run.py "${choice[@]}"
}

part_coverage() { build_coverage && step coverage 7200 python3 tests/coverage/run.py; }

run_part() {
    local part=$1 started=$SECONDS counts
    say "$part …"
    : >"$logs/$part.log"
    "part_$part" || printf 'test.sh: %s did not build\n0 passed, 1 failed\n' "$part" >>"$logs/$part.log"
    counts=$(cases_of "$logs/$part.log")
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
    say "$part: ${counts% *} passed, ${counts#* } failed in $((SECONDS - started)) s"
    if ((${counts#* } > 0)); then
        # What failed, without what went well.
        { grep -nE 'FAIL|MISSED|failed|error|ERROR|Sanitizer|test\.sh:|: [a-z_]+: ' "$logs/$part.log" || true; } |
            { grep -vE '^[0-9]+:(ok |.*passed, 0 failed$)' || true; } | tail -n 25 | cut -c 1-200 | sed 's/^/      | /'
        say "  all of it is in $logs/$part.log"
    fi
}

main() {
    parse "$@"
    mkdir -p "$logs"
    install_packages
    local part
    for part in "${only[@]}"; do run_part "$part"; done
    echo "$passed passed, $failed failed"
    ((failed == 0))
}

main "$@"
