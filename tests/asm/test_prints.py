"""``.print``: what its text becomes, and that it leaves no trace in the code."""

from __future__ import annotations

import dataclasses

import pytest

from npuemu import asm
from npuemu.asm.printed import Piece, Print, Shown, ShownBytes
from tests.asm.helpers import build, kernel

MOVE = "  mov_gm_ub r1, r2, len=32\n"
UB = 192 << 10


def prints(body: str, core: str = "vector", **options: object) -> tuple[Print, ...]:
    """The prints of a body."""
    return build(kernel(body, core), **options).prints[core]


def fields(text: str, before: str = MOVE, head: str = "") -> tuple[Piece, ...]:
    """The pieces of one print behind a data instruction."""
    (found,) = prints(f'{head}{before}  .print "{text}"')
    return found.pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("plain; text", ("plain; text",)),
        ("", ()),
        ("a\x1b[2J\tb\\nc", ("a?[2J?b\nc",)),
        (r"a\"b\\c", ('a"b\\c',)),
        ("{{{r1}}}", ("{", Shown(1, 0, "d"), "}")),
        ("{r31:x}{ r2 : b }", (Shown(31, 0, "x"), Shown(2, 0, "b"))),
        ("{N * 2 + 1:u}", (Shown(None, 9, "u"),)),
        ("{(N > 3 ? 7 : 8)}", (Shown(None, 7, "d"),)),
        ("{f32bits(0.5):f32}", (Shown(None, 0x3F000000, "f32"),)),
        ("{alias:bf16}", (Shown(5, 0, "bf16"),)),
        ("{UB[r1]:f32}", (ShownBytes("UB", "UB", 1, 0, "f32", 1, 0, None),)),
        ("{UB[alias + N]:x8 x N}", (ShownBytes("UB", "UB", 5, 4, "x8", 4, 0, None),)),
        ("{UB[8 + r1 - 2]:u8 x 3}", (ShownBytes("UB", "UB", 1, 6, "u8", 3, 0, None),)),
        ("{UB[buf + 32]:s8}", (ShownBytes("UB", "UB", None, 96, "s8", 1, 0, None),)),
        ("{buf:e2m1 x (1 ? 2 : 3)}", (ShownBytes("buf", "UB", None, 64, "e2m1", 2, 64, 128),)),
        ("{buf[r2 - 4]:s32 x 2}", (ShownBytes("buf", "UB", 2, 60, "s32", 2, 64, 128),)),
        ("{X}", (ShownBytes("X", "GM", None, 4096, "bf16", 1, 4096, 4352),)),
        ("{X[6]:x16 x 2}", (ShownBytes("X", "GM", None, 4102, "x16", 2, 4096, 4352),)),
        ("{GM[r3]:f32}", (ShownBytes("GM", "GM", 3, 0, "f32", 1, 0, None),)),
    ],
)
def test_pieces(text: str, pieces: tuple[Piece, ...]) -> None:
    head = ".const N = 4\n.reg alias r5\n.tensor X bf16 [2, 64] in\n"
    head += ".buffer first UB 64\n.buffer buf UB 64\n"
    found = tuple(
        dataclasses.replace(p, high=None) if isinstance(p, ShownBytes) and p.name == "UB" else p
        for p in fields(text, head=head)
    )
    assert found == pieces


def test_a_memory_ends_where_the_machine_says() -> None:
    text = kernel(MOVE + '  .print "{UB[r1]:f32}"').replace("everything", "ascend910b1")
    (piece,) = asm.assemble(text).prints["vector"][0].pieces
    assert isinstance(piece, ShownBytes) and piece.high == UB


def test_a_print_belongs_to_the_instruction_in_front() -> None:
    body = '  li r1, 1\n  .print "a"\n  .print "b"\n\n  ; nothing\n' + MOVE + '  .print "c"'
    assert [(p.index, p.where.line) for p in prints(body)] == [(0, 5), (0, 6), (1, 10)]


def test_macros_repetitions_and_conditions() -> None:
    body = """.buffer one UB 32
.buffer two UB 32
.macro show(buffer, t, register, count=2)
    .print "{buffer:t x count} {register:x} {UB[register]:t}"
.if count > 2
    .print "many"
.endif
.endmacro
.reg here r7
  mov_gm_ub r1, r2, len=32
  show one, f32, here
.rep i, 0, 2
  add r3, r3, i
  .print "{i}"
.endrep
  mov_gm_ub r1, r2, len=32
  show two, s8, r9, count=3"""
    found = prints(body)
    assert [p.index for p in found] == [0, 1, 2, 3, 3]
    first, *rounds, last, many = found
    assert isinstance(first.pieces[0], ShownBytes) and isinstance(last.pieces[0], ShownBytes)
    assert (first.pieces[0].name, first.pieces[0].form, first.pieces[0].count) == ("one", "f32", 2)
    assert (last.pieces[0].name, last.pieces[0].form, last.pieces[0].count) == ("two", "s8", 3)
    assert first.pieces[2] == Shown(7, 0, "x") and last.pieces[2] == Shown(9, 0, "x")
    assert [p.pieces for p in rounds] == [(Shown(None, 0, "d"),), (Shown(None, 1, "d"),)]
    assert many.pieces == ("many",)
    assert [place.line for place in last.where.trace] == [20] and first.where.line == 7


def test_sections_have_their_own() -> None:
    text = kernel('  li r1, 1\n  .print "v"') + '.section cube\n  li r1, 2\n  .print "c"\n  halt\n'
    found = build(text).prints
    assert {name: [p.pieces for p in rows] for name, rows in found.items()} == {
        "cube": [("c",)], "vector": [("v",)],
    }  # fmt: skip


def test_code_and_binary_are_the_same_without() -> None:
    body = '  li r1, 1\n  .print "{r1}"\n' + MOVE + '  .print "{UB[r1]:f32 x 8}"\n  li r2, 2'
    plain = "\n".join(";" if ".print" in line else line for line in body.splitlines())
    shown, without = build(kernel(body)), build(kernel(plain))
    assert shown == without and shown.prints["vector"] and not without.prints["vector"]
    data = asm.binary.dump(shown)
    assert data == asm.binary.dump(without)
    assert asm.disassemble(shown) == asm.disassemble(without)
    program = asm.binary.load(asm.binary.dump(asm.assemble(KERNEL)))
    assert program.prints == {} and program.source == ""


KERNEL = """.kernel k
.machines ascend910b1
.section vector
    li r1, 1
    .print "{r1}"
    halt
"""
