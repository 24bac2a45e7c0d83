#!/usr/bin/env bash
# Decodes beside llama.cpp in memory control groups of one size, with cold page caches. Needs root for the groups.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'TEXT'
usage: Benchmarks/short-of-memory.sh --store M.chess --gguf M.gguf --profile P --memory MIB [options]
  --absent-factor F   see chessctl bench --help (default: the profile's)
  --read-gap BYTES    see chessctl bench --help (default: measured)
  --read-rate MB      the storage reads no more than so many megabytes per second, as an SD card (default: no limit)
  --prompt N          time a prompt of so many tokens as well
  --tokens N          tokens to decode (default 64)
  --rounds N          how often each is run (default 1)
  --llama-bench FILE  llama.cpp's llama-bench; without it only ours is run
  --patience S        seconds after which llama-bench is stopped (default 240)
The group holds process and page cache. Our budget is the size of the group.
TEXT
}

store= gguf= profile= memory= factor= gap= rate= prompt= tokens=64 rounds=1 llama= patience=240
while [ $# -gt 0 ]; do
    case $1 in
        --store) store=$2 ;; --gguf) gguf=$2 ;; --profile) profile=$2 ;; --memory) memory=$2 ;;
        --absent-factor) factor=$2 ;; --read-gap) gap=$2 ;; --read-rate) rate=$2 ;;
        --prompt) prompt=$2 ;; --tokens) tokens=$2 ;; --rounds) rounds=$2 ;;
        --llama-bench) llama=$2 ;; --patience) patience=$2 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 64 ;;
    esac
    shift 2
done
if [ -z "$store" ] || [ -z "$profile" ] || [ -z "$memory" ]; then usage >&2; exit 64; fi

# The disk that holds a file, as control groups name it: MAJOR:MINOR of the whole device.
disk_of() {
    local device
    device=$(stat -c '%Hd:%Ld' "$1")
    local folder
    folder=$(readlink -f "/sys/dev/block/$device")
    [ -f "$folder/partition" ] && folder=$(dirname "$folder")
    cat "$folder/dev"
}

# Runs a command in a group of its own and says what it took.
in_group() {
    local group throttle=
    if [ -d /sys/fs/cgroup/memory ]; then
        group=/sys/fs/cgroup/memory/chessd-bench-$$
        mkdir -p "$group"
        echo $((memory << 20)) >"$group/memory.limit_in_bytes"
        if [ -n "$rate" ]; then
            throttle=/sys/fs/cgroup/blkio/chessd-bench-$$
            mkdir -p "$throttle"
            echo "$(disk_of "$store") $((rate * 1000000))" >"$throttle/blkio.throttle.read_bps_device"
        fi
    else
        group=/sys/fs/cgroup/chessd-bench-$$
        mkdir -p "$group"
        echo $((memory << 20)) >"$group/memory.max"
        echo 0 >"$group/memory.swap.max" 2>/dev/null || true
        if [ -n "$rate" ]; then echo "$(disk_of "$store") rbps=$((rate * 1000000))" >"$group/io.max"; fi
    fi
    local code=0
    (
        echo "$BASHPID" >"$group/cgroup.procs"
        [ -z "$throttle" ] || echo "$BASHPID" >"$throttle/cgroup.procs"
        exec "$@"
    ) || code=$?
    local peak
    peak=$(cat "$group/memory.max_usage_in_bytes" 2>/dev/null || cat "$group/memory.peak" 2>/dev/null || echo 0)
    echo "group: peak $((peak >> 20)) MiB of $memory, exit code $code" >&2
    rmdir "$group" ${throttle:+"$throttle"}
    return "$code"
}

forget() { dd if="$1" iflag=nocache count=0 status=none; }

for round in $(seq "$rounds"); do
    echo "== round $round"
    forget "$store"
    in_group .build/release/chessctl bench "$store" --profile "$profile" \
        --memory-budget "${memory}M" --prompt "${prompt:-16}" --tokens "$tokens" --runs 1 \
        ${factor:+--absent-factor "$factor"} ${gap:+--read-gap "$gap"} |
        grep -E "^(memory|storage|profile|dense|${prompt:+prefill|}decode|$(basename "$profile" .profile))"
    [ -n "$llama" ] || continue
    forget "$gguf"
    in_group timeout "$patience" "$llama" -m "$gguf" -t "$(nproc)" -p "${prompt:-0}" -n "$tokens" -r 1 2>&1 |
        grep -E "${prompt:+pp$prompt|}tg$tokens|group" || echo "llama.cpp: no result within $patience s"
done
