# shellcheck shell=bash disable=SC2034,SC2154  # those who source it set and use what is shared
# common.sh - what reserve.sh and verify.sh share: their way to speak, the
# kernel's pools of hugepages, NUMA nodes and mounts. Sourced, never run; the
# script that sources it has set `program`.

# Every path into the kernel's trees begins with this, which is empty on a real
# machine: tests put a tree of their own there.
sysroot=${PENSTOCK_SYSROOT:-}
nodes_dir=$sysroot/sys/devices/system/node

say() { echo "$program: $*"; }

warn() { echo "$program: WARNING: $*" >&2; }

die() {
    echo "$program: $*" >&2
    exit 1
}

wrong() {
    echo "$program: $* (see --help)" >&2
    exit 2
}

# The head comment of the script that was called.
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[-1]}"; }

# tee writes what the kernel is told, so that a test's kernel can stand there.
tell_kernel() { echo "$1" | tee "$2" >/dev/null 2>&1; }

page_kb() { if [[ $1 == 1G ]]; then echo 1048576; else echo 2048; fi; }
page_mb() { echo $(($(page_kb "$1") / 1024)); }

# The directory in sysfs that counts pages of a size, of one node or ("-") of
# all.
pool_of() {
    local base=$sysroot/sys/kernel/mm
    [[ $2 == - ]] || base=$nodes_dir/node$2
    echo "$base/hugepages/hugepages-$(page_kb "$1")kB"
}

of_node() { [[ $1 == - ]] || echo " on node $1"; }

# NUMA nodes that have memory, one a line.
nodes_with_memory() {
    local path
    for path in "$nodes_dir"/node*/meminfo; do
        [[ -r $path && $(awk '$3 == "MemTotal:" { print $4 }' "$path") -gt 0 ]] || continue
        path=${path%/meminfo}
        echo "${path##*/node}"
    done | sort -n
}

# The nodes that --node means, each once, one a line; "-" leaves the choice to
# the kernel, as where it knows of no nodes.
nodes_meant() {
    local nodes
    case "$1" in
        "") echo - ;;
        all)
            nodes=$(nodes_with_memory)
            echo "${nodes:--}"
            ;;
        *) tr ',' '\n' <<<"$1" | sort -nu ;;
    esac
}

check_choice() {
    [[ $size == 2M || $size == 1G ]] || wrong "--size: '$size' is neither 2M nor 1G"
    [[ $megabytes =~ ^([1-9][0-9]{0,7})?$ ]] || wrong "--megabytes: '$megabytes' is not a positive number"
    [[ $node =~ ^(|all|[0-9]{1,3}(,[0-9]{1,3})*)$ ]] || wrong "--node: '$node' is neither NUMA node numbers nor 'all'"
    [[ $workers =~ ^([1-9][0-9]{0,2})?$ ]] || wrong "--workers: '$workers' is not a positive number"
    [[ -z $workers || -n $config ]] || wrong "--workers needs --config, whose sum it multiplies"
    [[ -z $config || -z $megabytes ]] || wrong "--config computes the amount: leave out --megabytes"
    [[ -z $config || -r $config ]] || wrong "--config: '$config' cannot be read"
}

# Memory that can be had without swapping, in megabytes: of one node what is
# free or holds files, of all nodes what the kernel says.
available_mb() {
    if [[ $1 == - ]]; then
        awk '$1 == "MemAvailable:" { print int($2 / 1024) }' "$sysroot/proc/meminfo"
    else
        awk '$3 ~ /^(MemFree|Active\(file\)|Inactive\(file\)|SReclaimable):$/ { sum += $4 } END { print int(sum / 1024) }' \
            "$nodes_dir/node$1/meminfo"
    fi
}

# Free pieces of memory that a 2 MiB page fits in, of one node or of all.
free_pieces() {
    awk -v node="$1" '
        node == "-" || $2 == node "," { for (i = 14; i <= NF; i++) sum += $i * 2 ^ (i - 14) }
        END { print sum + 0 }' "$sysroot/proc/buddyinfo" 2>/dev/null || echo 0
}

# A hugetlbfs with pages of a size; its mount point, or nothing. The kernel
# always shows the page size among the mount options, in megabytes.
mount_of() {
    local shown _device point type options _rest
    shown=$(page_mb "$1")M
    while read -r _device point type options _rest; do
        [[ $type == hugetlbfs && ,$options, == *,pagesize=$shown,* ]] && echo "$point" && return
    done <"$sysroot/proc/mounts"
    return 0
}

# The words for the kernel's command line that reserve so many pages at boot,
# spread over nodes if they are named.
kernel_words() {
    local of_size=$1 pages=$2 amount one nodes=()
    shift 2
    nodes=("$@")
    amount=$pages
    if [[ ${nodes[0]} != - ]]; then
        amount=
        for one in "${nodes[@]}"; do amount+=${amount:+,}$one:$(((pages + ${#nodes[@]} - 1) / ${#nodes[@]})); done
    fi
    # The default size is what programs get that do not ask for one.
    [[ $of_size != 1G ]] || echo -n "default_hugepagesz=1G "
    echo "hugepagesz=$of_size hugepages=$amount"
}
