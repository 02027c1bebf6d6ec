#!/usr/bin/env python3
"""Prints the share of each CPU's multiply-adds that the innermost loops of full tiles can do, by llvm-mca's models.

    throughput.py [--target x86-64|aarch64] [--llvm-mca PROGRAM] FILE     FILE as for check.py

100% is what the model of the CPU does of multiply-adds alone. What comes from memory comes from the L1 cache.
"""
import argparse
import re
import shutil
import subprocess
import sys

from check import TILES, disassemble, is_multiply_add, main_loop, read_tiles

CPUS = {
    "x86-64": {
        "Avx512": ["znver4", "znver5", "skylake-avx512", "icelake-server", "sapphirerapids"],
        "Avx2": ["haswell", "skylake", "znver2", "znver3", "znver4", "znver5"],
    },
    "aarch64": {"Portable": ["apple-m1", "cortex-a76", "neoverse-n1"], "Neon": ["apple-m1", "cortex-a76", "neoverse-n1"]},
}
# Sums that are independent of each other, more than any latency needs.
ALONE = {
    "Avx512": [f"vfmadd231ps %zmm31, %zmm30, %zmm{i}" for i in range(28)],
    "Avx2": [f"vfmadd231ps %ymm15, %ymm14, %ymm{i}" for i in range(14)],
    "Portable": [f"fmla v{i}.4s, v31.4s, v30.4s" for i in range(28)],
    "Neon": [f"fmla v{i}.4s, v31.4s, v30.4s" for i in range(28)],
}
TRIPLES = {"x86-64": "x86_64-unknown-linux-gnu", "aarch64": "aarch64-unknown-linux-gnu"}


def find_llvm_mca():
    names = [f"llvm-mca-{version}" for version in range(40, 13, -1)] + ["llvm-mca"]
    return next(filter(shutil.which, names), None) or sys.exit("llvm-mca: not found; install LLVM")


def cycles(lines, cpu, target, program):
    """Cycles of a turn of a loop, in the middle of many; None if this LLVM does not know the CPU."""
    totals = []
    for turns in (100, 300):
        command = [program, f"-mtriple={TRIPLES[target]}", f"-mcpu={cpu}", f"-iterations={turns}"]
        done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True)
        if "not a recognized processor" in done.stderr:
            return None
        if done.returncode:
            sys.exit(done.stderr)
        totals.append(int(re.search(r"Total Cycles:\s+(\d+)", done.stdout)[1]))
    return (totals[1] - totals[0]) / 200


def source(loop):
    """The instructions of a loop as source text."""
    def line(i):
        if i.mnemonic == "fmla":
            # The models of some CPUs lack the limits of multiply-adds by an element.
            return f"fmla {re.sub(r'[.]s.[0-3].$', '.4s', i.operands)}"
        return f"{i.mnemonic} {i.operands}" if i.target is None else i.mnemonic + " " + re.sub(r"[0-9a-f]+ <.*", ".", i.operands)
    return [line(instruction) for instruction in loop]


def share(loop, isa, cpu, target, program):
    turn, alone = (cycles(lines, cpu, target, program) for lines in (source(loop), ALONE[isa]))
    count = sum(1 for instruction in loop if is_multiply_add(instruction))
    return f"{count / turn / (len(ALONE[isa]) / alone):.0%}" if turn and alone else "–"


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("file")
    parser.add_argument("--target", choices=TILES, default="x86-64")
    parser.add_argument("--llvm-mca", default=None)
    arguments = parser.parse_args()
    program = arguments.llvm_mca or find_llvm_mca()
    tiles = read_tiles(disassemble(arguments.file, arguments.target))
    for isa, cpus in CPUS[arguments.target].items():
        if isa not in TILES[arguments.target]:
            continue
        rows, panels, _ = TILES[arguments.target][isa]
        full = [t for t in tiles if (t.isa, t.rows, t.panels) == (isa, rows, panels[3]) and t.access != "Sparse"]
        print(f"\n| {isa} | {' | '.join(cpus)} |\n| --- |{' --- |' * len(cpus)}")
        for tile in sorted(full):
            shares = [share(main_loop(tiles[tile]), isa, cpu, arguments.target, program) for cpu in cpus]
            print(f"| {tile.rows}×{tile.panels * 16}, {tile.access} | {' | '.join(shares)} |")


if __name__ == "__main__":
    main()
