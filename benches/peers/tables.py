#!/usr/bin/env python3
"""Rewrites the marked section of docs/benchmarks.md from benches/results/*.json, newest first.

    tables.py [--check]     --check only says whether the section is up to date, and exits 1 if it is not
"""
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOC, RESULTS = ROOT / "docs/benchmarks.md", ROOT / "benches/results"
BEGIN, END = "<!-- begin: written by benches/peers/tables.py -->", "<!-- end -->"
LIBRARIES = {  # names of the peers in the tables
    "torch": "PyTorch", "torch-channels-last": "PyTorch, channels last", "torch-compile": "PyTorch, compiled",
    "torch-recipe": "PyTorch", "jax": "JAX", "jax-scan": "JAX, 100 steps per call", "keras": "Keras", "openblas": "OpenBLAS",
    "mkl": "MKL",
}


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(header, rows):
    return ["| " + " | ".join(map(str, row)) + " |" for row in (header, ["---"] * len(header), *rows)] + [""]


def name(peer):
    return LIBRARIES.get(peer, peer)


def beside_peers(rows):
    """One line per row: ours, the fastest peer, the ratio, and the other peers."""
    lines = []
    for key in dict.fromkeys((r["workload"], r["row"]) for r in rows):
        first, *others = sorted((r for r in rows if (r["workload"], r["row"]) == key), key=lambda r: r["ratio"])
        unit = first["unit"]
        what = f"`{key[0]}`" if key[1] == "training" else key[1]
        lines.append([what, f"{number(first['our_median'])} {unit}",
                      f"{name(first['peer'])}: {number(first['their_median'])}", f"{first['ratio']:.2f}",
                      ", ".join(f"{name(r['peer'])} {number(r['their_median'])}" for r in others)])
    return lines


def products(rows):
    """GFLOP/s: a line per library, a column per shape."""
    shapes = list(dict.fromkeys(r["row"] for r in rows))
    short = lambda shape: shape.split("x")[0] + "³" if len({*shape.split("x")}) == 1 else shape.replace("x", "×")  # noqa: E731
    lines = [["nn-core", *(number(next(r["our_median"] for r in rows if r["row"] == s)) for s in shapes)]]
    for peer in dict.fromkeys(r["peer"] for r in rows):
        by_shape = {r["row"]: r for r in rows if r["peer"] == peer}
        cells = [f"{number(by_shape[s]['their_median'])} ({by_shape[s]['ratio']:.2f})" if s in by_shape else "" for s in shapes]
        lines.append([name(peer), *cells])
    return table(["GFLOP/s (ratio)", *map(short, shapes)], lines)


def section(record):
    rows = record["rows"]
    forced = f", `NN_CORE_KERNEL={record['kernel_forced']}`" if record["kernel_forced"] else ""
    versions = {name(peer).split(",")[0]: version for peer, version in record["versions"].items() if version}
    versions = ", ".join(f"{library} {version}" for library, version in versions.items())
    how = "suspended and resumed in turn" if record["alternate"] else "run in turns"
    dirty = ", with uncommitted changes" if record["uncommitted_changes"] else ""
    text = [f"### {record['cpu']}, {record['date']}", "",
            f"{' '.join(record['instruction_sets'])}{forced}; {record['threads']} threads of {record['cores']} cores; "
            f"{record['system']}; {record['compiler']}; commit `{(record['commit'] or 'unknown')[:12]}`{dirty}. Medians of "
            f"{record['rounds']} rounds of {record['seconds']:g} s, {how}. {versions}.", ""]
    beside = [r for r in rows if r["workload"] != "gemm"]
    if beside:
        text += table(["Workload", "nn-core", "Fastest peer", "Ratio", "Others"], beside_peers(beside))
    if any(r["workload"] == "gemm" for r in rows):
        text += products([r for r in rows if r["workload"] == "gemm"])
    if record["missing"] or record["failed"]:
        text += [f"Not timed: {', '.join([*record['missing'], *record['failed']])}.", ""]
    return text + ["```sh", f"benches/peers/{record['command']}", "```", ""]


def main():
    records = [json.loads(path.read_text()) for path in RESULTS.glob("*.json")]
    records.sort(key=lambda record: (record["date"], record["started"]), reverse=True)
    body = [line for record in records for line in section(record)] or ["No results yet.", ""]
    before, rest = DOC.read_text().split(BEGIN)
    after = rest.split(END, 1)[1]
    text = before + "\n".join([BEGIN, "", *body, END]) + after
    if text == DOC.read_text():
        print("docs/benchmarks.md is up to date")
    elif "--check" in sys.argv[1:]:
        sys.exit("docs/benchmarks.md is not what benches/results gives: run benches/peers/tables.py")
    else:
        DOC.write_text(text)


main()
