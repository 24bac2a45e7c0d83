"""Prints the results of one lm-eval run as rows of a markdown table.

usage: row.py RESULTS MODEL PROFILE TOKENIZED LOG
"""

import datetime
import json
import pathlib
import sys


def cell(result, metric):
    value, error = result[f"{metric},none"], result.get(f"{metric}_stderr,none")
    return f"{value:.4f} ± {error:.4f}" if isinstance(error, float) else f"{value:.4f}"


def main():
    folder, model, profile, tokenized, log = sys.argv[1:]
    report = json.loads(next(pathlib.Path(folder).rglob("results_*.json")).read_text())
    prompts = "tokens" if tokenized == "True" else "strings"
    print("| model | sparsity | prompts | task | questions | acc | acc_norm |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for task, result in report["results"].items():
        count = report["n-samples"][task]["effective"]
        cells = [
            model, profile, prompts, task.removeprefix("chessd_"), count,
            cell(result, "acc"), cell(result, "acc_norm"),
        ]
        print("| " + " | ".join(str(text) for text in cells) + " |")
    times = [
        datetime.datetime.fromisoformat(line.split()[0].replace("Z", "+00:00"))
        for line in pathlib.Path(log).read_text().splitlines() if " answered " in line
    ]
    if not times:
        return  # all of it went on from an earlier run
    seconds = max((times[-1] - times[0]).total_seconds(), 1)
    print(
        f"\n{len(times)} requests answered in {seconds:.0f} s, {len(times) / seconds:.1f} a second",
        file=sys.stderr)


main()
