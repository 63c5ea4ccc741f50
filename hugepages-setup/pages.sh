# shellcheck shell=bash disable=SC2154  # what common.sh and reserve.sh set
# pages.sh - raises the pools of hugepages by what is missing, and tells what
# was wanted, what is there and what was got. Sourced by reserve.sh.

# Taking the last free memory for hugepages would leave the machine to the
# out-of-memory killer.
kept_for_others_mb=256

declare -A missing=() # pages by node that are to come
declare -A before=()  # pages by node before we changed them
declare -A noted=()   # pages by node that our notes have of before
missing_in_all=0
wanted_in_all=0
got_in_all=0
memory_is="in pieces" # why the kernel gives less than asked for

in_mb() { echo "$1 pages of $size ($(($1 * $(page_mb "$size"))) MB)"; }

# Pages of ours that are in use by now are still what was asked for; those that
# somebody took away since they were noted are not.
count_missing() {
    local one pool free all
    for one in "${nodes[@]}"; do
        pool=$(pool_of "$size" "$one")
        free=$(<"$pool/free_hugepages")
        all=$(<"$pool/nr_hugepages")
        noted[$one]=$(already_added "$one")
        if ((noted[$one] > all)); then
            noted[$one]=$all
            [[ $dry_run == yes ]] || trim_notes "$one" "$all"
        fi
        missing[$one]=$((part - (free > noted[$one] ? free : noted[$one])))
        ((missing[$one] > 0)) || missing[$one]=0
        missing_in_all=$((missing_in_all + missing[$one]))
    done
    wanted_in_all=$missing_in_all
}

# Pages that this tag has added so far to a node.
already_added() {
    [[ -f $state_file ]] || { echo 0; return; }
    awk -v size="$size" -v node="$1" \
        '$1 == "pages" && $2 == size && $3 == node { sum += $4 } END { print sum + 0 }' "$state_file"
}

# "node 0: 512 in all, 512 free; node 1: ..."
pools_in_words() {
    local one pool words=
    for one in "${nodes[@]}"; do
        pool=$(pool_of "$size" "$one")
        words+=${words:+; }
        [[ $one == - ]] || words+="node $one: "
        words+="$(<"$pool/nr_hugepages") in all, $(<"$pool/free_hugepages") free"
    done
    echo "$words"
}

advice() {
    echo "Free some memory, ask for less with --megabytes, keep what can be had with --take-what-is-there," \
        "or reserve at boot with '$(kernel_words "$size" "$need" "${nodes[@]}")' on the kernel's command line." \
        "Without hugepages penstock runs with --no-huge, slower."
}

# Each node and the machine must have the memory; what is there is taken when
# less will do.
limit_to_memory() {
    local one there room
    for one in "${nodes[@]}"; do
        there=$(available_mb "$one")
        room=$(((there - kept_for_others_mb / ${#nodes[@]}) / $(page_mb "$size")))
        ((missing[$one] > room)) || continue
        [[ $partly == yes ]] ||
            die "$(in_mb "${missing[$one]}") more are wanted$(of_node "$one"), but only $there MB of memory are available there" \
                "($((kept_for_others_mb / ${#nodes[@]})) MB of them stay with the system). $(advice)"
        memory_is=short
        missing[$one]=$((room > 0 ? room : 0))
    done
}

tell_plan() {
    local one have
    for one in "${nodes[@]}"; do
        have=$(<"$(pool_of "$size" "$one")/nr_hugepages")
        say "would raise $size pages$(of_node "$one") from $have to $((have + missing[$one]))" \
            "($((missing[$one] * $(page_mb "$size"))) MB more)"
    done
}

# The kernel gives what it can find in one piece, which is more after a
# compaction, so a short answer is followed by one more try.
raise_to() {
    local pool=$1 goal=$2
    tell_kernel "$goal" "$pool/nr_hugepages" || true
    (($(<"$pool/nr_hugepages") < goal)) || return 0
    sync
    tell_kernel 1 "$sysroot/proc/sys/vm/compact_memory" || true
    tell_kernel "$goal" "$pool/nr_hugepages" || true
}

raise_pools() {
    local one pool got
    for one in "${nodes[@]}"; do
        ((missing[$one] > 0)) || continue
        pool=$(pool_of "$size" "$one")
        before[$one]=$(<"$pool/nr_hugepages")
        # Noted before it happens, so that a kill in the middle loses nothing.
        note "pages $size $one ${missing[$one]}"
        raise_to "$pool" $((before[$one] + missing[$one]))
        got=$(($(<"$pool/nr_hugepages") - before[$one]))
        ((got == missing[$one])) || trim_notes "$one" $((noted[$one] + got))
        got_in_all=$((got_in_all + got))
    done
}

# Less was got than wanted: it is put back, or kept when less will do.
answer_shortage() {
    local one there="" found
    for one in "${nodes[@]}"; do
        there+=${there:+; }
        [[ $one == - ]] || there+="node $one: "
        there+="$(available_mb "$one") MB available, with $(free_pieces "$one") free pieces of 2 MiB"
    done
    found="wanted $(in_mb "$wanted_in_all") more, got $(in_mb "$got_in_all"); there is now $there: memory is $memory_is"
    [[ $size == 2M ]] || found+=", and a piece of 1 GiB is hardly found after boot"
    if [[ $partly == yes && $got_in_all -gt 0 ]]; then
        warn "$found. What was got is kept, as --take-what-is-there says"
        return
    fi
    for one in "${!before[@]}"; do
        tell_kernel "${before[$one]}" "$(pool_of "$size" "$one")/nr_hugepages" || true
        trim_notes "$one" "${noted[$one]}"
    done
    die "$found; what was got was put back. $(advice)"
}

mount_hugetlbfs() {
    [[ -z $(mount_of "$size") ]] || return 0
    local point=/dev/hugepages
    # /dev/hugepages is by custom the place of the default size.
    [[ $size == 2M && -z $(mount_of 1G) ]] || point=/dev/hugepages-$size
    if [[ $dry_run == yes ]]; then
        say "would mount a hugetlbfs with $size pages on $point"
        return
    fi
    if [[ ! -d $sysroot$point ]]; then
        mkdir "$sysroot$point"
        note "made_dir $point"
    fi
    mount -t hugetlbfs -o "pagesize=$size" none "$sysroot$point" ||
        die "cannot mount a hugetlbfs with $size pages on $point"
    note "mounted $point"
    say "mounted a hugetlbfs with $size pages on $point"
}

# The state file has one line per change, newest last:
#   pages SIZE NODE|- ADDED   mounted DIR   made_dir DIR
note() {
    mkdir -p "$state_dir"
    echo "$1" >>"$state_file"
}

# Leaves so many pages of a node noted: the newest notes give way. The file goes
# when nothing is left in it.
trim_notes() {
    [[ -f $state_file ]] || return 0
    awk -v size="$size" -v node="$1" -v left="$2" '
        $1 == "pages" && $2 == size && $3 == node {
            if ($4 + 0 > left + 0) $4 = left
            left -= $4
            if ($4 + 0 == 0) next
        }
        { print }' "$state_file" >"$state_file.new"
    mv "$state_file.new" "$state_file"
    [[ -s $state_file ]] || forget_state
}
