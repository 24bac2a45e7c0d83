#!/usr/bin/env python3
"""Holds what decode.c printed against llama.cpp's answers.

judge.py GOLDEN prompts          prints for each prompt its ids and the ids of the answer to follow
judge.py GOLDEN judge FOLDER     reads FOLDER/RUN/PROMPT of every run; prints a line a run, exits 1 on a miss
"""
import json
import pathlib
import sys

PROMPTS, STEPS = 2, 8
# Two correct programs differ by rounding alone: Tests/ReferenceTests/Golden/README.md has measured how much.
FROM_REFERENCE, FROM_SCALAR, CLEAR_GAP = 0.2, 0.15, 0.5
BASE = "native-scalar"


def read_run(folder):
    steps = []
    for prompt in range(PROMPTS):
        lines = (folder / str(prompt)).read_text().splitlines()
        if len(lines) != STEPS:
            sys.exit(f"{folder}/{prompt}: {len(lines)} steps, not {STEPS}")
        steps += [(int(line.split()[0]), float(line.split()[1])) for line in lines]
    return steps


def judge(name, run, reference, scalar):
    off, clear, wrong, apart = 0, 0, 0, 0
    # Written so that NaN, which no comparison holds for, is a miss.
    within = True
    for (token, value), best, (_, plain) in zip(run, reference, scalar):
        off, apart = max(off, abs(value - best[0][1])), max(apart, abs(value - plain))
        within = within and abs(value - best[0][1]) <= FROM_REFERENCE and abs(value - plain) <= FROM_SCALAR
        if best[0][1] - best[1][1] > CLEAR_GAP:
            clear += 1
            wrong += token != best[0][0]
    good = within and wrong == 0 and clear > 0
    mean = sum(abs(value - best[0][1]) for (_, value), best in zip(run, reference)) / len(run)
    print(f"{name}: {len(run)} steps, {clear - wrong} of {clear} clear ids the same; log-probability off by "
          f"{mean:.4f} mean, {off:.4f} most; from scalar {apart:.4f} most: {'ok' if good else 'MISS'}")
    return good


def main():
    golden = json.loads(pathlib.Path(sys.argv[1]).read_text())["completions"][:PROMPTS]
    if sys.argv[2] == "prompts":
        for answer in golden:
            print(*(",".join(map(str, ids)) for ids in (answer["prompt_ids"], answer["ids"][:STEPS])))
        return
    folder = pathlib.Path(sys.argv[3])
    reference = [best for answer in golden for best in answer["top10_logprobs_per_step"][:STEPS]]
    scalar = read_run(folder / BASE)
    results = [judge(run.name, read_run(run), reference, scalar) for run in sorted(folder.iterdir())]
    sys.exit(0 if all(results) else 1)


main()
