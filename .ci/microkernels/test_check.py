"""Tests of the check: a good loop, and loops with each fault."""
import unittest

from check import Tile, check, faults_of, read_tiles
from listing import functions

NAME = "<<isa::Avx2 as isa::Simd>::vectorize::<microkernel::Tile<isa::avx2::Avx2, 2, 1, 2, microkernel::RowMajor>>>"
TILE = Tile("Avx2", 2, 1, 2, "RowMajor")
GOOD = """
  10:	vmovups (%rsi),%ymm4
  14:	vmovups 0x20(%rsi),%ymm5
  18:	vbroadcastss (%rdi),%ymm6
  1c:	vfmadd231ps %ymm4,%ymm6,%ymm0
  20:	vfmadd231ps %ymm5,%ymm6,%ymm1
  24:	vbroadcastss (%rdi,%rcx,4),%ymm6
  28:	vfmadd231ps %ymm4,%ymm6,%ymm2
  2c:	vfmadd231ps %ymm5,%ymm6,%ymm3
  30:	add    $0x4,%rdi
  34:	add    %rdx,%rsi
"""
END = """
  38:	dec    %r8
  3c:	jne    10 <Tile+0x10>
  40:	vmovups %ymm0,(%rsp)
  44:	ret
"""


def listing(loop=GOOD, name=NAME):
    return f"0000000000000000 {name}:\n{loop}{END}"


def faults(text):
    return list(faults_of(TILE, read_tiles(text)[TILE]))


class Microkernels(unittest.TestCase):
    def test_a_good_loop_passes_and_the_stack_may_be_used_behind_it(self):
        self.assertEqual(faults(listing()), [])
        self.assertEqual(check(listing(), [TILE]), [])

    def test_a_spilled_vector_is_found(self):
        for spill in ["vmovups %ymm7,0x40(%rsp)", "vmovaps 0x40(%rsp),%ymm7", "vfmadd231ps 0x40(%rsp),%ymm6,%ymm3"]:
            loop = GOOD.replace("vfmadd231ps %ymm5,%ymm6,%ymm3", f"vfmadd231ps %ymm5,%ymm6,%ymm3\n  2e:\t{spill}")
            self.assertIn("on the stack", faults(listing(loop))[0], spill)

    def test_loops_over_their_budget_are_found(self):
        more = "".join(f"  35:	lea    0x{i}(%rax),%rax\n" for i in range(9))
        self.assertIn("others", faults(listing(GOOD + more))[0])
        again = "  35:	vmovups (%rsi),%ymm8\n"
        self.assertIn("loads of B", faults(listing(GOOD + again))[0])
        self.assertIn("broadcasts", faults(listing(GOOD + again.replace("vmovups", "vbroadcastss")))[0])

    def test_a_product_that_is_not_fused_is_found(self):
        loop = GOOD.replace("vfmadd231ps %ymm5,%ymm6,%ymm3", "vmulps %ymm5,%ymm6,%ymm3")
        self.assertIn("3 multiply-adds", faults(listing(loop))[0])

    def test_missing_and_unknown_tiles_are_found(self):
        self.assertIn("no such function", check("", [TILE])[0])
        self.assertIn("unknown tile", check(listing(), [])[0])

    def test_loops_of_webassembly_are_found_by_their_ends(self):
        step = ["v128.load\t0", "v128.load32_splat\t0", "f32x4.mul", "f32x4.add", "local.set\t1"]
        lines = ["loop", "block", "loop", *step, "br_if\t0", "end", "end", "br_if\t0", "end", "v128.store\t0"]
        tile = Tile("Portable", 1, 1, 1, "RowMajor")

        def faults(lines):
            name = "<Tile<isa::Portable, 1, 1, 1, microkernel::RowMajor>>"
            text = "\n".join([f"0000000000000010 {name}:", *(f"  {i + 16:x}:      \t{line}" for i, line in enumerate(lines))])
            return list(faults_of(tile, read_tiles(text)[tile]))

        self.assertEqual(faults(lines), [])
        self.assertIn("on the stack", faults([*lines[:7], "v128.store\t16", *lines[7:]])[0])
        self.assertIn("loads of B", faults([*lines[:7], "v128.load\t16", *lines[7:]])[0])

    def test_only_wanted_functions_are_read(self):
        text = listing() + listing(name="<other>")
        self.assertEqual([name for name, _ in functions(text, lambda name: "Tile<" in name)], [NAME[1:-1]])


unittest.main()
