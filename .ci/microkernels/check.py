#!/usr/bin/env python3
"""Checks the machine code of every microkernel: its innermost loop spills no vector and stays within a budget.

    check.py [--target x86-64|aarch64|wasm32] [--verbose] FILE     FILE is an object, an archive or a program

The names of functions must tell types apart:

    cargo rustc --release -p nn-core --lib --target-dir target/machine-code -- -C symbol-mangling-version=v0
    .ci/microkernels/check.py target/machine-code/release/libnn_core.rlib
"""
import argparse
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass

from listing import functions, innermost_loops

SPARSE_ROWS = 3
TILES = {  # target: instruction set: rows of a full tile; panels of a tile of 1, 2, 3 and more rows; vectors of a panel
    "x86-64": {"Avx512": (14, (4, 4, 4, 2), 1), "Avx2": (6, (4, 3, 2, 1), 2), "Portable": (2, (1, 1, 1, 1), 4)},
    "aarch64": {"Portable": (6, (1, 1, 1, 1), 4)},
    "wasm32": {"Portable": (2, (1, 1, 1, 1), 4)},
}


@dataclass(frozen=True, order=True)
class Tile:
    """`rows` of A times `panels` of B, each `vectors` wide."""
    isa: str
    rows: int
    panels: int
    vectors: int
    access: str

    def __str__(self):
        return f"{self.isa} {self.rows}×{self.panels} {self.access}"

    def multiply_adds(self):
        """In a step of k."""
        return self.rows * self.panels * self.vectors

    def budget(self, steps, is_fused):
        """The most instructions of each kind in a turn of the loop, which takes `steps` steps of k."""
        # Offsets of panels, pointers to rows that registers have no room for, the index of a nonzero column.
        others = self.panels + max((self.rows + 1) // 2, self.rows * 2 // 3) + (3 if self.access == "Sparse" else 0)
        if not is_fused:
            # With SSE a broadcast is a load and a shuffle, and a product overwrites one of its factors.
            others += self.rows + self.multiply_adds() // 2
        return {
            "multiply-adds": steps * self.multiply_adds(),
            "products": steps * self.multiply_adds() if not is_fused else 0,
            "loads of B": steps * self.panels * self.vectors,
            "broadcasts of A": steps * self.rows,
            # Counter, pointers, comparison and jump.
            "others": 6 + steps * others,
        }


def expected_tiles(target):
    for isa, (most_rows, panels, vectors) in TILES[target].items():
        for rows in range(1, most_rows + 1):
            for count in range(1, panels[min(rows, 4) - 1] + 1):
                for access in ["RowMajor", "ColumnMajor"] + ["Sparse"] * (rows <= SPARSE_ROWS):
                    yield Tile(isa, rows, count, vectors, access)


def parse_tile(name):
    """The tile that a function computes, or None."""
    path = r"(?:\w+::)*"
    match = re.search(rf"\bTile<{path}(\w+), (\d+)\w*, (\d+)\w*, (\d+)\w*, {path}(\w+)>", name)
    return Tile(match[1], *map(int, match.groups()[1:4]), match[5]) if match else None


def is_multiply_add(instruction):
    return re.match(r"vfn?m(add|sub)\d+ps|addps|f32x4.add|fml[as]", instruction.mnemonic)


def kinds(instruction):
    """What an instruction counts as: an instruction of x86-64 may load and multiply."""
    if re.match("local|i32.const", instruction.mnemonic):
        # The engine keeps locals and constants in registers and operands.
        return
    if re.match("v128.load", instruction.mnemonic):
        yield "broadcasts of A" if "splat" in instruction.mnemonic else "loads of B"
        return
    accesses_memory = re.search(r"\(|\[(x|sp)", instruction.operands) and not instruction.mnemonic.startswith("prf")
    has_vector = re.search(r"%[xyz]mm|\b[vqds]\d+\b", instruction.operands)
    if is_multiply_add(instruction):
        yield "multiply-adds"
    elif re.match("mulps|f32x4.mul|fmul", instruction.mnemonic):
        yield "products"
    elif not (accesses_memory and has_vector):
        yield "others"
    if accesses_memory and has_vector:
        is_scalar = re.search(r"broadcast|movss|ld1r", instruction.mnemonic) or re.search(r"\{1to|^s\d", instruction.operands)
        yield "broadcasts of A" if is_scalar else "loads of B"


def spills(body, loop):
    """The accesses of a loop to vectors on the stack."""
    frame = r"\(%rsp|\[sp"
    if any(re.search(r"%rsp,%rbp|^x29, sp", instruction.operands) for instruction in body):
        frame += r"|\(%rbp|\[x29"
    vector = r"%[xyz]mm|\b[vqds]\d+\b"
    if stores := [i for i in loop if i.mnemonic == "v128.store"]:
        return stores
    return [i for i in loop if re.search(frame, i.operands) and re.search(vector, i.operands)]


def main_loop(body):
    """The innermost loop with the most multiply-adds."""
    return max(innermost_loops(body, is_multiply_add), key=lambda loop: sum(map(bool, map(is_multiply_add, loop))), default=[])


def faults_of(tile, body):
    """What is wrong with the machine code of a tile, one line each."""
    for loop in innermost_loops(body, is_multiply_add):
        if found := spills(body, loop):
            example = f"{found[0].mnemonic} {found[0].operands}"
            yield f"{tile}: {len(found)} accesses to vectors on the stack in a loop of {len(loop)} instructions: {example}"
    loop = main_loop(body)
    counts = Counter(kind for instruction in loop for kind in kinds(instruction))
    steps, rest = divmod(counts["multiply-adds"], tile.multiply_adds())
    if steps == 0 or rest:
        yield f"{tile}: {counts['multiply-adds']} multiply-adds in its innermost loop, and a step takes {tile.multiply_adds()}"
        return
    for kind, most in tile.budget(steps, is_fused=all(i.mnemonic not in ("addps", "f32x4.add") for i in loop)).items():
        if counts[kind] > most:
            yield f"{tile}: {counts[kind]} {kind} in a loop of {steps} steps, at most {most} are allowed"


def disassemble(file, target):
    names = {
        "x86-64": ["x86_64-linux-gnu-objdump", "objdump"],
        "aarch64": ["aarch64-linux-gnu-objdump", "objdump"],
        "wasm32": [f"llvm-objdump-{version}" for version in range(40, 13, -1)] + ["llvm-objdump"],
    }[target]
    program = next(filter(shutil.which, names), names[-1])
    command = [program, "--disassemble", "--demangle", "--no-show-raw-insn", *([] if target == "wasm32" else ["--wide"]), file]
    try:
        # What an archive holds beside objects, it names on standard error.
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        sys.exit(f"{program}: not found; install binutils, for aarch64 binutils-aarch64-linux-gnu, for wasm32 LLVM")
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr.strip())


def read_tiles(listing):
    """The machine code of each tile. A tile that the instruction set never takes has no multiply-add."""
    found = {parse_tile(name): body for name, body in functions(listing, parse_tile)}
    return {tile: body for tile, body in found.items() if any(map(is_multiply_add, body))}


def check(listing, expected):
    """All faults of the tiles in a listing."""
    found, expected = read_tiles(listing), set(expected)
    faults = [f"{tile}: no such function" for tile in sorted(expected - found.keys())]
    faults += [f"{tile}: an unknown tile; TILES in check.py must know it" for tile in sorted(found.keys() - expected)]
    return faults + [fault for tile in sorted(found) for fault in faults_of(tile, found[tile])]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("file")
    parser.add_argument("--target", choices=TILES, default="x86-64")
    parser.add_argument("--verbose", action="store_true", help="print the counts of every tile")
    arguments = parser.parse_args()
    listing = disassemble(arguments.file, arguments.target)
    tiles = list(expected_tiles(arguments.target))
    if arguments.verbose:
        for tile, body in sorted(read_tiles(listing).items()):
            print(f"{tile}: {dict(Counter(kind for instruction in main_loop(body) for kind in kinds(instruction)))}")
    if faults := check(listing, tiles):
        sys.exit("\n".join([*faults, f"{len(faults)} faults in the machine code of the microkernels"]))
    counts = Counter(tile.isa for tile in tiles)
    print("microkernels:", ", ".join(f"{count} tiles of {isa}" for isa, count in counts.items()), "spill no vector")


if __name__ == "__main__":
    main()
