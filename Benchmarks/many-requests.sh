#!/usr/bin/env bash
# Serves many requests of all kinds under a memory budget, in a control group of the budget and a tenth, and says
# whether the promise was kept. Needs root for the group, and python3 for the clients.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'TEXT'
usage: Benchmarks/many-requests.sh --store M.chess --budget MIB [options]
  --profile P      see chessd --help
  --context N      tokens of context (default 1024)
  --requests N     how many (default 1000)
  --seconds S      ends the asking after so long, whatever is left (default: no limit)
  --words N        words of the longest prompts (default 300)
  --tokens N       tokens of the longest answers (default 40)
  --seed N         another mix of the same kinds (default 1)
  --program FILE   the daemon (default .build/release/chessd)
Exit code 1: a process was ended for want of memory, the group or the process took more than it may, an answer was
not what was asked for, or the daemon did not end well.
TEXT
}

store= budget= profile= context=1024 requests=1000 seconds=0 words=300 tokens=40 seed=1 program=.build/release/chessd
while [ $# -gt 0 ]; do
    case $1 in
        --store) store=$2 ;; --budget) budget=$2 ;; --profile) profile=$2 ;; --context) context=$2 ;;
        --requests) requests=$2 ;; --seconds) seconds=$2 ;; --seed) seed=$2 ;;
        --words) words=$2 ;; --tokens) tokens=$2 ;; --program) program=$2 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 64 ;;
    esac
    shift 2
done
if [ -z "$store" ] || [ -z "$budget" ]; then usage >&2; exit 64; fi

limit=$(((budget << 20) * 11 / 10))
if [ -d /sys/fs/cgroup/memory ]; then
    group=/sys/fs/cgroup/memory/chessd-requests-$$
    mkdir "$group"
    echo $limit >"$group/memory.limit_in_bytes"
    peak() { cat "$group/memory.max_usage_in_bytes"; }
    kills() { sed -n 's/^oom_kill //p' "$group/memory.oom_control"; }
    reclaims() { cat "$group/memory.failcnt"; }
else
    group=/sys/fs/cgroup/chessd-requests-$$
    mkdir "$group"
    echo $limit >"$group/memory.max"
    echo 0 >"$group/memory.swap.max" 2>/dev/null || true
    peak() { cat "$group/memory.peak" 2>/dev/null || echo 0; }
    kills() { sed -n 's/^oom_kill //p' "$group/memory.events"; }
    reclaims() { sed -n 's/^max //p' "$group/memory.events"; }
fi
work=$(mktemp -d)
daemon=
clean() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    wait 2>/dev/null || true
    rmdir "$group" 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT

# The group also pays for what it reads first, so the store leaves the page cache.
dd if="$store" iflag=nocache count=0 status=none
(
    echo "$BASHPID" >"$group/cgroup.procs"
    exec "$program" --model "$store" --socket "$work/s" --memory-budget "${budget}M" --context "$context" \
        --queue 16 ${profile:+--profile "$profile"}
) 2>"$work/log" &
daemon=$!
for _ in $(seq 300); do
    [ -S "$work/s" ] && break
    kill -0 "$daemon" 2>/dev/null || { cat "$work/log" >&2; daemon=; exit 1; }
    sleep 0.2
done

status() { sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$daemon/status"; }
failed=0
fail() { echo "FAILED: $*"; failed=1; }
python3 Benchmarks/many_requests.py --socket "$work/s" --pid "$daemon" --context "$context" \
    --requests "$requests" --seconds "$seconds" --seed "$seed" --words "$words" --tokens "$tokens" || fail "answers, see above"

if kill -0 "$daemon" 2>/dev/null; then
    highest=$(status VmHWM)
    echo "process: $(status VmRSS) KiB at the end, at most $highest KiB of $((budget << 10))"
    [ "$highest" -le $((limit >> 10)) ] || fail "the process took more than the budget and a tenth"
    kill -TERM "$daemon"
else
    fail "the daemon is gone"
fi
code=0
wait "$daemon" || code=$?
daemon=
[ $code -eq 0 ] || { fail "the daemon ended with $code"; tail -3 "$work/log"; }
echo "group: at most $(($(peak) >> 10)) KiB of $((limit >> 10)), page cache included; limit met $(reclaims) times;" \
    "$(kills) killed"
[ "$(peak)" -le $limit ] || fail "the group took more than its limit"
[ "$(kills)" -eq 0 ] || fail "a process was killed"
grep -E "memory is short|memory suffices" "$work/log" || true
exit $failed
