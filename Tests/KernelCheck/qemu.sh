#!/usr/bin/env bash
# Builds the check program for aarch64, with GCC and with the clang that SwiftPM uses, and runs it under qemu:
# on plain armv8.0 (in order and out of order), with dot products, and with int8 matrix products. An
# instruction that a processor lacks ends the run, so that the choice of tables is checked as well.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v aarch64-linux-gnu-gcc >/dev/null || ! command -v qemu-aarch64-static >/dev/null; then
    echo "kernels on aarch64: not checked, aarch64-linux-gnu-gcc or qemu-aarch64-static is not installed"
    exit 0
fi
out=${KERNEL_CHECK_OUT:-.build/kernels-check}
mkdir -p "$out"
build() {  # NAME COMPILER...
    local name=$1
    shift
    local sources
    mapfile -t sources < <(find Sources/CKernels -name '*.c' | sort)
    "$@" -std=c11 -O2 -static -Wall -Wextra -Werror -I Sources/CKernels/include \
        -o "$out/check-aarch64-$name" Tests/KernelCheck/check.c "${sources[@]}" -lm
}
build gcc aarch64-linux-gnu-gcc
compilers=gcc
# The toolchain's own clang, beside swift; a distribution's will do.
clang=${CLANG:-$(dirname "$(readlink -f "$(command -v swift || command -v clang || echo /)")")/clang}
echo 'int main(void) { return 0; }' >"$out/empty.c"
if "$clang" --target=aarch64-linux-gnu -fuse-ld=lld -static -o "$out/empty" "$out/empty.c" 2>/dev/null; then
    build clang "$clang" --target=aarch64-linux-gnu -fuse-ld=lld
    compilers="gcc clang"
else
    echo "kernels on aarch64: not checked with clang, which cannot build for aarch64 here"
fi
for compiler in $compilers; do
    for run in cortex-a53:neon cortex-a72:neon cortex-a76:neon-dotprod max:neon-i8mm; do
        echo "qemu ${run%%:*}, built with $compiler"
        qemu-aarch64-static -cpu "${run%%:*}" "$out/check-aarch64-$compiler" --quick "${run##*:}"
    done
done
