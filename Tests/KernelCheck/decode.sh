#!/usr/bin/env bash
# Decodes SmolLM2-135M with the kernels of aarch64 under qemu, and with every table of this processor, and
# holds both against llama.cpp's answers: decode.sh STORE, made by `chessctl import --compression none` from the
# GGUF file that Tests/ReferenceTests/Golden/README.md names. A C program stands in for the decoder, because the
# kernels are all that depends on the processor and a C cross compiler is easier to come by than a Swift one.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: decode.sh STORE" >&2; exit 2; }
store=$(realpath "$1")
cd "$(dirname "$0")/../.."
if ! command -v aarch64-linux-gnu-gcc >/dev/null || ! command -v qemu-aarch64-static >/dev/null; then
    echo "decoding on aarch64: skipped, aarch64-linux-gnu-gcc or qemu-aarch64-static is not installed"
    exit 0
fi
here=Tests/KernelCheck
golden=Tests/ReferenceTests/Golden/smollm2-135m-instruct-q4_1.json
out=${KERNEL_CHECK_OUT:-.build/kernels-check}
rm -rf "$out/decode-runs"
mkdir -p "$out/decode-runs"
python3 $here/describe.py "$store" >"$out/decode-tensors"
python3 $here/judge.py $golden prompts >"$out/decode-prompts"
mapfile -t sources < <(find Sources/CKernels -name '*.c' | sort)
build() {  # NAME COMPILER...
    "${@:2}" -std=gnu11 -O2 -Wall -Wextra -Werror -I Sources/CKernels/include -o "$out/decode-$1" \
        $here/decode.c "${sources[@]}" -lm
}
build aarch64 aarch64-linux-gnu-gcc -static &
build native "${CC:-cc}"
wait $!
run() {  # NAME TABLE COMMAND...
    local folder=$out/decode-runs/$1 table=$2 prompt forced number=0
    mkdir -p "$folder"
    while read -r prompt forced; do
        "${@:3}" "$store" "$out/decode-tensors" "$table" 8 "$prompt" "$forced" >"$folder/$number"
        number=$((number + 1))
    done <"$out/decode-prompts"
}
qemu() {  # PROCESSOR TABLE
    run "$1-$2" "$2" qemu-aarch64-static -cpu "$1" "$out/decode-aarch64"
}
pids=()
qemu cortex-a72 neon & pids+=($!)
qemu cortex-a76 neon-dotprod & pids+=($!)
qemu max neon-i8mm & pids+=($!)
for table in $("$out/decode-native" --tables); do run "native-$table" "$table" "$out/decode-native"; done
for pid in "${pids[@]}"; do wait "$pid"; done
python3 $here/judge.py $golden judge "$out/decode-runs"
