#!/usr/bin/env python3
"""Prints, per 32 weights, the instructions that the NEON kernels and ggml's execute and the cycles they take.

    Benchmarks/kernels/cycles.py GGML_SOURCE [FORM...]the directory ggml/src of llama.cpp; q4_0 ...

Both are built for one processor and run under qemu, which logs every instruction; llvm-mca then plays the log
through its model of the processor, with all loads hitting the first cache. A short run is taken off a long one,
so that calls, tails and reductions do not count. Needs clang with lld, aarch64-linux-gnu-gcc (for its C
library), qemu-aarch64-static and llvm-mca; environment: CLANG, LLVM_MCA, LLVM_OBJDUMP.
"""
import os
import re
import subprocess
import sys
import tempfile

CLANG = os.environ.get("CLANG", "clang")
MCA = os.environ.get("LLVM_MCA", "llvm-mca-19")
OBJDUMP = os.environ.get("LLVM_OBJDUMP", "llvm-objdump-19")
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# Processor, our table, architecture for ggml (which chooses when it is compiled), model of llvm-mca. LLVM plays
# cortex-a76 with the model of Cortex-A57; Neoverse N1 is the same core as A76 and has a model of its own.
PROCESSORS = [
    ("cortex-a72", "neon", "armv8-a+crc", "cortex-a72"),
    ("cortex-a76", "neon-dotprod", "armv8.2-a+dotprod+fp16", "neoverse-n1"),
]
FORMS = ["q4_0", "q4_1", "q4_K", "q5_K", "q6_K", "q8_0"]
OUTPUTS, PANEL, ROWS, ROUGH_ROWS = 256, 128, 2, 4


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


def build(directory, ggml, cpu, arch):
    """The program for one processor, and the text of every instruction in it by address."""
    target = [CLANG, "--target=aarch64-linux-gnu", "-ffunction-sections", "-w"]
    includes = ["-I" + os.path.join(ggml, p) for p in ("", "ggml-cpu", "../include")]
    objects = [os.path.join(directory, cpu + "-ggml.o")]
    run(*target, "-O3", "-DNDEBUG", "-march=" + arch, *includes, "-c",
        os.path.join(ggml, "ggml-cpu/arch/arm/quants.c"), "-o", objects[0])
    kernels = os.path.join(ROOT, "Sources/CKernels")
    sources = [os.path.join(d, f) for d, _, files in os.walk(kernels) for f in files if f.endswith(".c")]
    program = os.path.join(directory, cpu)
    run(*target, "-O2", "-I" + kernels, "-I" + os.path.join(kernels, "include"), "-static", "-fuse-ld=lld",
        "-Wl,--gc-sections", os.path.join(HERE, "trace.c"), *sorted(sources), *objects, "-lm", "-o", program)
    text, marks = {}, {}
    for line in run(OBJDUMP, "-d", "--no-show-raw-insn", "--mattr=+all", program).splitlines():
        if found := re.match(r"\s*([0-9a-f]+):\s+(\S.*)", line):
            # A program's addresses are out of reach for an assembler that does not know where it is.
            plain = found[2].split("//")[0].split("<")[0].strip()
            text[int(found[1], 16)] = re.sub(r"^((b|cbn?z|tbn?z|adrp?)\b.*)\b0x[0-9a-f]+$", r"\1#0", plain)
        elif found := re.match(r"([0-9a-f]+) <(trace_begin|trace_end)>:", line):
            marks[int(found[1], 16)] = found[2]
    return program, text, marks


def executed(built, cpu, kind, form, table, n, *mask):
    """The instructions between the marks, in the order in which they were executed."""
    program, text, marks = built
    log = program + ".log"
    run("qemu-aarch64-static", "-cpu", cpu, "-singlestep", "-d", "exec,nochain",
        "-D", log, program, kind, form, table, str(n), *mask)
    inside, out = False, []
    with open(log) as lines:
        for line in lines:
            if not (found := re.match(r"Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/", line)):
                continue
            address = int(found[1], 16)
            if address in marks:
                inside = marks[address] == "trace_begin"
            if inside:
                out.append(text[address])
    os.remove(log)
    return out


def cycles(instructions, model):
    # Calls and returns have no place in the model; nothing of them is left after the subtraction either.
    code = "\n".join(i for i in instructions if not re.match(r"(ret|bl|blr|br)\b", i))
    out = run(MCA, "-mtriple=aarch64", "-mcpu=" + model, "-mattr=+all", "-iterations=1", "-instruction-info=0",
              "-resource-pressure=0", input=code)
    return int(re.search(r"Total Cycles:\s+(\d+)", out)[1])


def per_32(built, cpu, model, kind, form, table, short, long, weights, *mask):
    a = executed(built, cpu, kind, form, table, short, *mask)
    b = executed(built, cpu, kind, form, table, long, *mask)
    units = weights * (long - short) / 32
    return (len(b) - len(a)) / units, (cycles(b, model) - cycles(a, model)) / units


def compare(built, cpu, table, model, forms):
    """Ours and ggml's, all weights of a matrix."""
    print(f"\n| {cpu}, `{table}` | row dot | channel add | ggml dot | dot / ggml | add / ggml |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for form in forms:
        dot = per_32(built, cpu, model, "dot", form, table, 1024, 3072, ROWS)
        add = per_32(built, cpu, model, "add", form, table, 3, 5, 32 * OUTPUTS)
        other = per_32(built, cpu, model, "ggml", form, table, 1024, 3072, 1)
        cells = " | ".join(f"{i:.1f} / {c:.1f}" for i, c in (dot, add, other))
        print(f"| {form.upper()} | {cells} | {dot[1] / other[1]:.2f} | {add[1] / other[1]:.2f} |", flush=True)


def masked(built, cpu, table, model, forms):
    """Ours, per 32 weights that are kept."""
    print(f"\n| {cpu}, `{table}` | listed rows | 24 channels of 32 | 16 of 32 | 10 of 32 | 4 of 32 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for form in forms:
        cells = [per_32(built, cpu, model, "dot", form, table, 1024, 3072, ROWS, "1")]
        for mask in ("77777777", "55555555", "12491249", "01010101"):
            kept = int(mask, 16).bit_count()
            cells.append(per_32(built, cpu, model, "add", form, table, 3, 5, kept * OUTPUTS, mask))
        print(f"| {form.upper()} | " + " | ".join(f"{i:.1f} / {c:.1f}" for i, c in cells) + " |", flush=True)


def panels(built, cpu, table, model, forms):
    """Ours, per 32 weights of a panel of 128 outputs that are kept."""
    print(f"\n| {cpu}, `{table}` | panel | 24 channels of 32 | 16 of 32 | 8 of 32 |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for form in forms:
        cells = []
        for mask in ("ffffffff", "77777777", "55555555", "11111111"):
            kept = int(mask, 16).bit_count()
            cells.append(per_32(built, cpu, model, "panel", form, table, 3, 5, kept * PANEL, mask))
        print(f"| {form.upper()} | " + " | ".join(f"{i:.1f} / {c:.1f}" for i, c in cells) + " |", flush=True)


def bounds(built, cpu, table, model, _):
    """Rough rows of 2 bits a weight."""
    count, spent = per_32(built, cpu, model, "bound", "q4_0", table, 1024, 3072, ROUGH_ROWS)
    print(f"\n{cpu}, `{table}`, rough rows: {count:.1f} / {spent:.1f}", flush=True)


def main():
    ggml, forms = sys.argv[1], sys.argv[2:] or FORMS
    with tempfile.TemporaryDirectory() as directory:
        built = {cpu: build(directory, ggml, cpu, arch) for cpu, _, arch, _ in PROCESSORS}
        for table in (compare, masked, panels, bounds):
            for cpu, kernels, _, model in PROCESSORS:
                table(built[cpu], cpu, kernels, model, forms)


main()
