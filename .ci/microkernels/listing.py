"""Reads listings of objdump: functions, their instructions, and their innermost loops."""
import re
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True)
class Instruction:
    address: int
    mnemonic: str
    operands: str
    target: int | None = None
    """Where it jumps to, if it is a jump."""


def parse_instruction(line):
    """An instruction, or None if the line holds none."""
    match = re.match(r"\s+([0-9a-f]+):\s+(?:(?:data16|[cd]s|notrack|bnd) )*([a-z][\w.]*)\s*(.*)", line)
    if not match:
        return None
    mnemonic, operands = match[2], re.sub(r"\s*(# |//).*", "", match[3]).strip()
    # "jne 4a0 <function+0x40>", "cbnz x8, 4a0 <function+0x40>"
    target = re.search(r"(?:^|\s)([0-9a-f]+) <", operands) if re.match(r"j|b$|b\.|cbn?z$|tbn?z$", mnemonic) else None
    return Instruction(int(match[1], 16), mnemonic, operands, int(target[1], 16) if target else None)


def functions(listing, is_wanted):
    """Yields the name and the instructions of each function whose name is wanted."""
    name, body = None, []
    for line in listing.splitlines():
        if start := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            if name:
                yield name, body
            name, body = start[1] if is_wanted(start[1]) else None, []
        elif name and (instruction := parse_instruction(line)):
            body.append(instruction)
    if name:
        yield name, body


def innermost_loops(body, is_inside):
    """The loops that hold an instruction of which `is_inside` is true, and no smaller loop that does."""
    if any(instruction.mnemonic == "loop" for instruction in body):
        return structured_loops(body, is_inside)
    index = {instruction.address: i for i, instruction in enumerate(body)}
    edges = {(i, j) for i in range(len(body)) for j in successors(i, body, index)}
    return [[body[i] for i in loop] for loop in leaves(edges, lambda loop: any(is_inside(body[i]) for i in loop))]


def structured_loops(body, is_inside):
    """As `innermost_loops`, for WebAssembly."""
    found, begun = [], []
    for i, instruction in enumerate(body):
        if instruction.mnemonic in ("block", "if", "loop"):
            begun.append(i)
        elif instruction.mnemonic == "end" and begun:
            start = begun.pop()
            has_smaller = any(start < other for other, _ in found)
            if body[start].mnemonic == "loop" and not has_smaller and any(map(is_inside, body[start:i])):
                found.append((start, i))
    return [body[start:i] for start, i in found]


def successors(i, body, index):
    """What may run after instruction `i`."""
    is_last = re.match(r"(jmp|ret|b$|br$|ud2|brk)", body[i].mnemonic) or i + 1 == len(body)
    return [j for j in (index.get(body[i].target), None if is_last else i + 1) if j is not None]


def leaves(edges, is_wanted):
    """The wanted loops that hold no wanted loop. Without the edges to where it is entered, a loop falls into those inside."""
    found = []
    for loop in filter(is_wanted, cycles(edges)):
        entries = {j for i, j in edges if j in loop and i not in loop} or {min(loop)}
        inside = {(i, j) for i, j in edges if i in loop and j in loop and j not in entries}
        found += leaves(inside, is_wanted) or [sorted(loop)]
    return sorted(found)


def cycles(edges):
    """The strongly connected components that hold an edge, by Kosaraju's algorithm."""
    after, before = defaultdict(set), defaultdict(set)
    for i, j in edges:
        after[i].add(j)
        before[j].add(i)
    finished, seen = [], set()
    for start in list(after):
        todo = [(start, False)]
        while todo:
            i, is_finished = todo.pop()
            if is_finished:
                finished.append(i)
            elif i not in seen:
                seen.add(i)
                todo += [(i, True), *((j, False) for j in after.get(i, ()))]
    components, taken = [], set()
    for start in reversed(finished):
        component, todo = set(), [start]
        while todo:
            if (i := todo.pop()) not in taken:
                taken.add(i)
                component.add(i)
                todo += before.get(i, ())
        if any(j in component for i in component for j in after.get(i, ())):
            components.append(component)
    return components
