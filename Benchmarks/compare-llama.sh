#!/usr/bin/env bash
# Runs chessd and llama.cpp on the same GGUF file, in turn, and prints the median of their ratios.
# usage: compare-llama.sh --build DIR
#        compare-llama.sh --peer DIR|LLAMA_BENCH [--threads N] [--rounds N] [--json] MODEL.gguf [MODEL.chess]
#        compare-llama.sh --peer DIR|LLAMA_BENCH --profile MODEL.profile MODEL.gguf MODEL.chess   # and decoding with a profile
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
peer= threads=2 rounds=5 json= profile=() models=()

build() {
    mkdir -p "$1"
    cd "$1"
    python3 -m venv tools
    tools/bin/pip install --quiet cmake ninja scikit-build-core
    tools/bin/pip download --quiet --no-binary llama-cpp-python --no-deps --no-build-isolation \
        llama-cpp-python==0.3.36
    tar xzf llama_cpp_python-0.3.36.tar.gz
    tools/bin/cmake -S llama_cpp_python-0.3.36/vendor/llama.cpp -B build -DCMAKE_BUILD_TYPE=Release \
        -DGGML_NATIVE=ON -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF \
        -DLLAMA_BUILD_EXAMPLES=OFF >/dev/null
    tools/bin/cmake --build build --parallel 2 --target llama-bench
}

while [ $# -gt 0 ]; do
    case "$1" in
    --build) build "$2"; exit ;;
    --peer) peer=$2; shift 2 ;;
    --threads) threads=$2; shift 2 ;;
    --rounds) rounds=$2; shift 2 ;;
    --profile) profile=(--profile "$2"); shift 2 ;;
    --json) json=1; shift ;;
    *) models+=("$1"); shift ;;
    esac
done
[ -n "$peer" ] && [ ${#models[@]} -ge 1 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 64; }
[ -d "$peer" ] && peer="$peer/build/bin/llama-bench"
gguf=${models[0]}
store=${models[1]:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$store" ]; then
    store="$work/model.chess"
    "$root/.build/release/chessctl" import --compression none "$gguf" -o "$store" >&2
fi

for round in $(seq 1 "$rounds"); do
    "$root/.build/release/chessctl" bench "$store" --threads "$threads" --runs 1 --prompt 128 --tokens 64 --json \
        "${profile[@]}" >"$work/own.$round"
    "$peer" -m "$gguf" -t "$threads" -p 128 -n 64 -r 1 -o json >"$work/peer.$round" 2>/dev/null
    echo "round $round of $rounds" >&2
done

python3 - "$work" "$rounds" "${json:-0}" <<'PY'
import json, statistics, sys
work, rounds, as_json = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1"
own = [json.load(open(f"{work}/own.{i}")) for i in range(1, rounds + 1)]
peer = [json.load(open(f"{work}/peer.{i}")) for i in range(1, rounds + 1)]
def theirs(key): return [next(t["avg_ts"] for t in run if t[key] > 0) for run in peer]
rows = {}
measured = [("prefill", [r["prefill_tokens_per_second"] for r in own], theirs("n_prompt")),
            ("decode", [r["decode_tokens_per_second"] for r in own], theirs("n_gen"))]
for i, profile in enumerate(own[0].get("profiles", [])):
    measured.append(("decode, " + profile["name"], [r["profiles"][i]["decode_tokens_per_second"] for r in own], theirs("n_gen")))
for name, mine, other in measured:
    rows[name] = {"chessd": statistics.median(mine), "llama.cpp": statistics.median(other),
                  "ratio": statistics.median(a / b for a, b in zip(mine, other))}
rows["roofline_share"] = statistics.median(r["roofline_share"] for r in own)
if as_json: print(json.dumps(rows, indent=1))
else:
    width = max(len(name) for name, _, _ in measured)
    print(f"{'':{width}}{'chessd':>10}{'llama.cpp':>12}{'ratio':>8}   tokens/s, medians of {rounds}")
    for name, _, _ in measured:
        r = rows[name]; print(f"{name:{width}}{r['chessd']:10.1f}{r['llama.cpp']:12.1f}{r['ratio']:8.2f}")
    print(f"share of the read bandwidth while decoding: {rows['roofline_share']:.0%}")
PY
