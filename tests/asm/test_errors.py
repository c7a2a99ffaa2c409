"""Every error code, with the line and column that it points at."""

from __future__ import annotations

from pathlib import Path

import pytest

from npuemu import asm
from npuemu.asm.errors import CODES
from tests.asm.helpers import HEAD, build, fails, kernel
from tests.asm.machines import BARE, EVERYTHING, FakeMachine

# code, body of a vector kernel (its first line is line 4), line, column
BODY = [
    ("A101", "  li r1,, 2", 4, 9),
    ("A101", "  li r1, (3", 4, 12),
    ("A101", "  li r1, 1 < 2 < 3", 4, 16),
    ("A101", "  li r1 5", 4, 9),
    ("A101", "  li r1, $", 4, 10),
    ("A102", "  .sektion cube", 4, 3),
    ("A103", "  .endif", 4, 3),
    ("A103", "  .else", 4, 3),
    ("A103", ".rep i, 0, 2\n li r1, 1", 4, 1),
    ("A103", ".if 1\n.else\n.else\n.endif", 6, 1),
    ("A103", ".macro a()\n.macro b()\n.endmacro\n.endmacro", 5, 1),
    ("A105", '  .include "nowhere.inc"', 4, 12),
    ("A106", '  .include "nowhere.inc', 4, 12),
    ("A106", "  li r1, 0x", 4, 10),
    ("A106", "  li r1, 12abc", 4, 10),
    ("A106", "  li r1, 1e999", 4, 10),
    ("A106", "; " + "x" * 5000, 4, 4096),
    ("A201", "  li r1, missing + 1", 4, 10),
    ("A201", "  jmp nowhere", 4, 7),
    ("A201", "  jmp @nowhere", 4, 7),
    ("A201", "  li r1, sizeof(nothing)", 4, 17),
    ("A201", "  li r1, capacity(NOTHING)", 4, 19),
    ("A201", "  li r1, has(nothing)", 4, 14),
    ("A202", ".const a = 1\n.const a = 2", 5, 8),
    ("A202", "a: li r1, 1\n  a: li r1, 2", 5, 3),
    ("A202", ".macro vadd()\n.endmacro", 4, 8),
    ("A202", ".macro m()\n.endmacro\n.macro m()\n.endmacro", 6, 8),
    ("A202", ".macro m(a, a)\n.endmacro", 4, 13),
    ("A202", ".reg a r1\n.reg a r2", 5, 6),
    ("A203", "  li r32, 1", 4, 6),
    ("A203", ".const BLOCKS = 1", 4, 8),
    ("A203", "r5: li r1, 1", 4, 1),
    ("A203", ".param lower = 1", 4, 8),
    ("A301", "  vad.f32 r1, r2, r3", 4, 3),
    ("A302", "  vadd.f33 r1, r2, r3", 4, 8),
    ("A302", "  vadd r1, r2, r3", 4, 3),
    ("A302", "  vadd.f32.f32 r1, r2, r3", 4, 12),
    ("A302", ".macro m()\n.endmacro\n m.f32", 6, 4),
    ("A303", "  li r1", 4, 3),
    ("A303", "  li r1, 2, 3", 4, 13),
    ("A303", "  mov_gm_ub r1, r2, len=32, 5", 4, 29),
    ("A304", "  mov_gm_ub r1, r2, lenn=32", 4, 21),
    ("A304", "  mov_gm_ub r1, r2, src=r3, len=32", 4, 21),
    ("A305", "  li 5, 5", 4, 6),
    ("A305", "  set_flag MTE2, MTE9, 0", 4, 18),
    ("A305", "  set_flag MTE2, 3, 0", 4, 18),
    ("A305", "  li r1, r2", 4, 10),
    ("A305", "  li r1, 1.5", 4, 10),
    ("A305", "  jmp 5", 4, 7),
    ("A306", "  set_flag MTE2, V, 8", 4, 21),
    ("A306", "  mov_gm_ub r1, r2, len=2097121", 4, 25),
    ("A306", "  add r1, r2, 0x80000000", 4, 15),
    ("A306", "  mov_gm_ub r1, r2, dst_stride=33, len=0", 4, 32),
    ("A307", "  mmad.s8 r1, r2, r3, 1, 1, 1, zero", 4, 3),
    ("A309", ".macro m(a)\n.endmacro\n  m", 6, 3),
    ("A309", ".macro m(a)\n.endmacro\n  m 1, 2", 6, 8),
    ("A309", ".macro m(a)\n.endmacro\n  m b=1", 6, 5),
    ("A309", ".macro m(a, b)\n.endmacro\n  m b=1, 2", 6, 10),
    ("A401", "  li r1, 18446744073709551616", 4, 10),
    ("A401", "  li r1, 1 << 63 << 1", 4, 10),
    ("A402", "  li r1, 4 / (2 - 2)", 4, 15),
    ("A402", "  li r1, 1 << 64", 4, 15),
    ("A402", "  li r1, log2(12)", 4, 10),
    ("A402", "  li r1, f32bits(1e39)", 4, 10),
    ("A402", "  li r1, f32bits(-0.0)", 4, 18),
    ("A403", "  li r1, r2 + 1", 4, 10),
    ("A403", "  li r1, 1.5 << 2", 4, 10),
    ("A403", ".if 1.5\n.endif", 4, 5),
    ("A403", "  li r1, MACHINE", 4, 10),
    ("A404", "  li r1, lg2(8)", 4, 10),
    ("A404", "  li r1, cdiv(8)", 4, 10),
    ("A501", ".tensor A f23 [4] in", 4, 11),
    ("A501", ".tensor A f32 [4] inn", 4, 19),
    ("A501", ".tensor A f32 [4, 0] in", 4, 19),
    ("A501", ".tensor A e2m1 [4, 3] in", 4, 20),
    ("A501", ".tensor A f32 [1 << 40] in", 4, 9),
    ("A501", ".tensor A f32 [4] in, at=4097", 4, 9),
    ("A501", ".tensor A s32 [4] in, min=0", 4, 9),
    ("A501", ".tensor A f32 [4] in, min=0, max=1", 4, 9),
    ("A501", ".tensor A s32 [4] out, min=0, max=1", 4, 9),
    ("A501", ".tensor A s8 [4] in, min=0, max=128", 4, 9),
    ("A501", ".tensor A s8 [4] in, min=2, max=1", 4, 9),
    ("A502", ".buffer b UBB 32", 4, 11),
    ("A502", ".buffer b UB 0", 4, 14),
    ("A502", ".buffer b UB 32, align=48", 4, 24),
    ("A503", ".buffer b UB 1000\n.buffer c UB 200000", 5, 9),
    ("A504", ".kernel twice", 4, 9),
    ("A504", ".buffer b UB 32, alin=32", 4, 18),
    ("A505", '  .print "x"', 4, 3),
    ("A505", ' jmp a\n .print "x"\n a: li r1, 1', 5, 2),
    ("A505", ' halt\n .print "x"', 5, 2),
    ("A505", ' li r1, 1\na:\n .print "x"\n li r1, 2', 6, 2),
    ("A505", ' li r1, 1\n .print "{UB[r1]:f32}"', 5, 11),
    ("A505", ' set_flag MTE2, V, 0\n .print "{UB[r1]:f32}"', 5, 11),
    ("A505", ' li r1, 1\n .print "{r1"', 5, 10),
    ("A505", ' li r1, 1\n .print "r1}"', 5, 12),
    ("A505", ' li r1, 1\n .print "{ }"', 5, 12),
    ("A505", ' li r1, 1\n .print "{r1:f33}"', 5, 14),
    ("A505", ' li r1, 1\n .print "{r1:d x 4}"', 5, 18),
    ("A505", ' mov_gm_ub r1, r2, len=32\n .print "{UB:f32}"', 5, 11),
    ("A505", ' mov_gm_ub r1, r2, len=32\n .print "{L0C[r1]:f32}"', 5, 11),
    ("A505", ' mov_gm_ub r1, r2, len=32\n .print "{UB[r1 + r2]:f32}"', 5, 14),
    ("A505", ' mov_gm_ub r1, r2, len=32\n .print "{UB[r1]:f32 x 2000}"', 5, 24),
    ("A505", '.buffer b UB 32\n mov_gm_ub r1, r2, len=32\n .print "{b}"', 6, 11),
    ("A106", ' li r1, 1\n .print "\\q"', 5, 10),
    ("A201", ' mov_gm_ub r1, r2, len=32\n .print "a {bb[r1]:f32}"', 5, 13),
    ("A201", ' li r1, 1\n .print "a {bb}"', 5, 13),
    ("A403", ' li r1, 1\n .print "{1.5}"', 5, 11),
    ("A403", ' li r1, 1\n .print "{r1 + 1}"', 5, 11),
    ("A101", ' li r1, 1\n .print "{1 +}"', 5, 14),
    ("A601", ".section scalar", 4, 10),
    ("A602", "  li r1, 1\n.section cube", 4, 3),
    ("A602", "  halt\n  .section cube\n.section vector", 5, 3),
    ("A602", "  jmp a\n halt\n a:\n.section cube\n halt\n.section cube", 6, 2),
    ("A701", ".rep i, 0, 1 << 40\n.endrep", 4, 12),
    ("A702", ".macro m()\n m\n.endmacro\n m", 5, 2),
    ("A702", "  li r1, " + "-" * 100 + "1", 4, 46),
    ("A803", '.const N = 17\n.require N % 16 == 0, "N is {N}"', 5, 10),
    ("A804", ".if MACHINE == everythin\n.endif", 4, 16),
]


@pytest.mark.parametrize(("code", "body", "line", "column"), BODY)
def test_body(code: str, body: str, line: int, column: int) -> None:
    fails(kernel(body), code, line, column)


def test_whole_texts() -> None:
    fails(".kernel k\n.machines everything\n  li r1, 1", "A601", 3, 3)
    fails(".kernel k\n.machines everything\n", "A603", None, None)
    fails(HEAD + " li r1, 1\n li r2, 2\n", "A602", 5, 2)
    fails(".machines everything\n.section cube\nhalt", "A504", None, None)
    fails(".kernel k\n.const C = BLOCKS\n.blocks 4\n.section cube\nhalt", "A504", 3, 9)
    fails(".kernel k\n.blocks 0", "A802", 2, 9)


def test_machine() -> None:
    fails(
        kernel("  mmad.s8 r1, r2, r3, 1, 1, 1, zero", "cube"),
        "A804",
        None,
        None,
        machine="everythink",
    )
    other = FakeMachine("other")
    assert build(kernel(""), machine=other).machine == "other"
    message = fails(
        kernel("  vexp.f32 r1, r2").replace("everything", "bare"), "A308", 4, 3, machine=BARE
    )
    assert "bare refuses vexp" in message
    needy = next((r for r in asm.assemble.__globals__["load"]().records if r.requires), None)
    if needy is not None:
        core = "cube" if needy.core == "both" else needy.core
        fails(kernel(f"  {needy.name}", core), "A308", 4, 3, machine=BARE)


def test_casts_that_the_machine_lacks() -> None:
    for pair in ("s8_bf16", "s16_s8"):
        code = "A308" if pair == "s8_bf16" else "A302"
        message = fails(kernel(f"  vconv.{pair}.rint r1, r2"), code, 4, 9)
        assert ("use s8_f16, f16_bf16" in message) == (pair == "s8_bf16")
    text = kernel("  vconv.s8_f32.none r1, r2").replace("everything", "ascend910b1")
    message = fails(text, "A308", 4, 9, machine="ascend910b1")
    assert "use s8_f16, f16_f32" in message


def test_arguments() -> None:
    text = kernel(".param TILE = 4")
    message = fails(text, "A801", None, None, params={"TIL": 3})
    assert "did you mean 'TILE'?" in message
    fails(text, "A802", None, None, params={"TILE": 1 << 63})
    fails(text, "A802", None, None, params={"TILE": "4"})
    fails(text, "A802", None, None, params={"TILE": True})
    fails(text, "A802", None, None, blocks=0)
    bound = asm.disassemble(build(text, blocks=2))
    fails(bound, "A805", 5, 8, params={"TILE": 5})
    fails(bound, "A805", None, None, blocks=3)
    fails(bound, "A805", None, None, machine=FakeMachine("other"))
    assert build(bound, blocks=2) == build(bound)


def test_files(tmp_path: Path) -> None:
    with pytest.raises(asm.AsmError, match="A104"):
        asm.assemble(tmp_path / "none.npu", machine=EVERYTHING)
    with pytest.raises(asm.AsmError, match="A104"):
        asm.assemble(tmp_path, machine=EVERYTHING)
    bad = tmp_path / "bad.npu"
    bad.write_bytes(b".kernel \xff")
    with pytest.raises(asm.AsmError, match="A104.*UTF-8"):
        asm.load_file(bad, machine=EVERYTHING)


def test_binary_codes(tmp_path: Path) -> None:
    data = asm.binary.dump(build(kernel("")))
    for damaged, code in [
        (b"", "A901"),
        (data[:4], "A901"),
        (data[:8] + b"\x09" + data[9:], "A901"),
        (data[:-1], "A902"),
        (data[:60] + bytes([data[60] ^ 1]) + data[61:], "A902"),
    ]:
        with pytest.raises(asm.AsmError) as caught:
            asm.binary.load(damaged, machine=EVERYTHING)
        assert caught.value.code == code
    path = tmp_path / "k.bin"
    path.write_bytes(data)
    assert asm.load_file(path, machine=EVERYTHING).name == "k"
    for options in ({"params": {"M": 1}}, {"blocks": 3}, {"machine": "ascend910b1"}):
        with pytest.raises(asm.AsmError, match="A80"):
            asm.load_file(path, **({"machine": EVERYTHING} | options))
    with pytest.raises(asm.AsmError, match="A805"):
        asm.load_file(path, machine=FakeMachine("other"))


def test_every_code_has_a_case() -> None:
    sources = Path(__file__).parent.glob("test_*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    assert [code for code in CODES if f'"{code}' not in text] == []


def test_the_message_in_full() -> None:
    text = kernel(".macro twice(t)\n  vadd.t r1, r2, r3, repp=8\n.endmacro\n  twice f32")
    assert fails(text, "A304", 5, 22) == (
        "error[A304]: 'vadd' has no operand 'repp'\n"
        " --> <text>:5:22\n"
        "  |\n"
        "5 |   vadd.t r1, r2, r3, repp=8\n"
        "  |                      ^^^^\n"
        "  = expected: vadd.type dst, src0, src1, rep=1, dst_blk=1, src0_blk=1, src1_blk=1, "
        "dst_rep=8, src0_rep=8, src1_rep=8\n"
        "  = help: did you mean 'rep'?\n"
        "  = note: in the macro called at <text>:7:3"
    )


def test_the_capacity_message_shows_the_map() -> None:
    message = fails(kernel(".buffer b UB 1000\n.buffer c UB 200000"), "A503", 5, 9)
    assert "'c' ends at 201024, UB has 196608 bytes" in message
    assert "0 .. 1000      b (1000 bytes)" in message


def test_a_requirement_names_its_sizes() -> None:
    text = kernel('.param N = 17\n.require N % 16 == 0 && N > 0, "N = {N} is refused"')
    message = fails(text, "A803", 5, 10)
    assert message.startswith("error[A803]: N = 17 is refused\n")
    assert "here N = 17" in message
