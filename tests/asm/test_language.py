"""What texts mean: expressions, parameters, macros, repetition, layout, labels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from npuemu import asm
from npuemu.asm.errors import Place
from tests.asm.helpers import HEAD, build, fails, kernel, listing
from tests.asm.machines import EVERYTHING, FakeMachine

EXPRESSIONS = [
    ("1 + 2 * 3", 7),
    ("(1 + 2) * 3", 9),
    ("-7 / 2", -4),
    ("-7 % 3", 2),
    ("7 - 2 - 1", 4),
    ("1 << 4 | 3", 19),
    ("6 & 3 == 2", 1),
    ("1 | 2 ^ 3 & 1", 1 | (2 ^ (3 & 1))),
    ("~5", -6),
    ("!5 + !0", 1),
    ("--5", 5),
    ("0xFF_FF", 65535),
    ("0b1010", 10),
    ("1_000", 1000),
    ("3 > 2 && 2 > 3 || 1", 1),
    ("0 && 1 / 0", 0),
    ("1 || 1 / 0", 1),
    ("1 ? 2 : 1 / 0", 2),
    ("0 ? 1 : 0 ? 2 : 3", 3),
    ("min(3, 2, 5) + max(1, 7)", 9),
    ("cdiv(7, 2)", 4),
    ("align_up(33, 32)", 64),
    ("log2(4096)", 12),
    ("f32bits(1.5)", 0x3FC00000),
    ("f32bits(-2)", 0xC0000000),
    ("f32bits(1e-45)", 1),
    ("f32bits(1.0 / 3)", 0x3EAAAAAB),
    ("f16bits(65504.0)", 0x7BFF),
    ("bf16bits(1.0)", 0x3F80),
    ("M * 2", 512),
    ("BLOCKS", 1),
    ("A + 1", 4097),
    ("sizeof(A)", 128),
    ("sizeof(b)", 48),
    ("MACHINE == everything", 1),
    ("MACHINE != everything", 0),
    ("capacity(UB)", 192 << 10),
    ("0x7FFF_FFFF_FFFF_FFFF", 2**63 - 1),
    ("0xFFFF_FFFF_FFFF_FFFF", -1),
]


@pytest.mark.parametrize(("text", "value"), EXPRESSIONS)
def test_expressions(text: str, value: int) -> None:
    head = ".param M = 256\n.tensor A e2m1 [16, 16] in\n.buffer b UB 48\n"
    program = build(kernel(f"{head} li r1, {text}"))
    shown = hex(value) if value >= 1 << 16 else value
    assert listing(program)[0] == f"li r1, {shown}"


def test_parameters_bind_in_order() -> None:
    text = kernel(".param M = 4\n.param N = M * BLOCKS\n li r1, N")
    assert build(text).params == {"M": 4, "N": 4}
    assert build(text, params={"M": 5}, blocks=3).params == {"M": 5, "N": 15}
    assert build(text, params={"N": -1}).params == {"M": 4, "N": -1}


def test_tensors_keep_their_distance() -> None:
    program = build(
        kernel(".tensor A s8 [3] in\n.tensor B bf16 [2, 256] out\n.tensor C f32 [1] scratch")
    )
    assert [(t.address, t.nbytes) for t in program.tensors] == [(4096, 3), (5120, 1024), (6656, 4)]
    assert program.gm_bytes == 6656 + 4 + 512


def test_an_integer_input_may_be_limited() -> None:
    program = build(
        kernel(".param N = 9\n.tensor A s32 [3] in, min=-1, max=N\n.tensor B s8 [1] in")
    )
    assert [t.bounds for t in program.tensors] == [(-1, 9), None]
    again = asm.binary.load(asm.binary.dump(program), machine=EVERYTHING)
    assert again.tensors == program.tensors
    assert build(asm.disassemble(program)).tensors == program.tensors


def test_buffers_follow_each_other() -> None:
    body = ".buffer a UB 33\n.buffer b UB 32\n.buffer c UB 1, align=512\n.buffer d L0C 8\n"
    body += ".buffer e UB 16, at=8\n.buffer f L0C 8"
    program = build(kernel(body))
    assert [b.address for b in program.buffers] == [0, 64, 512, 0, 8, 1024]


def test_macros_bind_names_registers_and_labels() -> None:
    body = """.param M = 3
.macro step(op, type, dst, pipe, target, n=M + 1)
@again:
  op.type dst, r1, r2, rep=n
  pipe_barrier pipe
  bne dst, 0, @again
  jmp target
.endmacro
.reg acc r9
end:
  li r9, 0
  step vadd, f32, acc, M, end
  step vmul, f16, r4, V, @mine, n=2
@mine: nop_free"""
    body = body.replace("nop_free", "li r1, 0").replace("pipe_barrier pipe", "set_flag pipe, S, 0")
    assert listing(build(kernel(body))) == [
        "end:",
        "li r9, 0",
        "again@1:",
        "vadd.f32 r9, r1, r2, rep=4",
        "set_flag M, S, 0",
        "bne r9, 0, again@1",
        "jmp end",
        "again@2:",
        "vmul.f16 r4, r1, r2, rep=2",
        "set_flag V, S, 0",
        "bne r4, 0, again@2",
        "jmp mine@0",
        "mine@0:",
        "li r1, 0",
        "halt",
    ]


def test_a_macro_ends_its_own_recursion() -> None:
    body = ".macro count(n)\n.if n > 0\n li r1, n\n count n - 1\n.endif\n.endmacro\n count 3"
    assert listing(build(kernel(body)))[:3] == ["li r1, 3", "li r1, 2", "li r1, 1"]


def test_repetition_nests_and_has_its_own_labels() -> None:
    body = """.rep i, 0, 2
.rep j, i, 2
@x: beq r1, i * 10 + j, @x
  beq r1, 0, @out
.endrep
.endrep
@out: li r1, 1"""
    assert [x for x in listing(build(kernel(body))) if x.startswith("beq")] == [
        "beq r1, 0, x@2",
        "beq r1, 0, out@0",
        "beq r1, 1, x@3",
        "beq r1, 0, out@0",
        "beq r1, 11, x@5",
        "beq r1, 0, out@0",
    ]


def test_conditions_take_one_branch() -> None:
    body = ".param M = 1\n.if M == 0\n li r1, 0\n.elif M == 1\n li r1, 1\n.else\n nonsense\n.endif"
    assert listing(build(kernel(body)))[0] == "li r1, 1"


def test_symbols_compare_by_name() -> None:
    body = ".macro m(t)\n.if t == f32\n li r1, 32\n.else\n li r1, 16\n.endif\n.endmacro\n"
    body += " m f32\n m f16"
    assert listing(build(kernel(body)))[:2] == ["li r1, 32", "li r1, 16"]


def test_a_parameter_hides_no_pipe_and_no_instruction() -> None:
    body = ".const t = 7\n.macro m(M, min)\n set_flag M, V, M\n min r1, r2, min\n.endmacro\n m t, t"
    assert listing(build(kernel(body)))[:2] == ["set_flag M, V, 7", "min r1, r2, 7"]


def test_constants_of_a_macro_stay_inside() -> None:
    body = ".macro m()\n.const inner = 1\n li r1, inner\n.endmacro\n m\n m\n li r1, inner"
    fails(kernel(body), "A201", 10, 9)


def test_register_names_belong_to_their_section() -> None:
    text = HEAD + ".reg a r1\n li a, 1\n halt\n.section cube\n li a, 1\n halt"
    fails(text, "A201", 8, 5)


def test_sections_continue() -> None:
    text = HEAD + " jmp on\n.section cube\n halt\n.section vector\non: halt"
    program = build(text)
    assert (len(program.code["vector"]), len(program.code["cube"])) == (2, 1)
    assert list(program.code) == ["cube", "vector"]


def test_locations_carry_the_macro_backtrace() -> None:
    body = ".macro inner()\n  li r1, 1\n.endmacro\n.macro outer()\n  inner\n.endmacro\n outer"
    place = build(kernel(body)).locations["vector"][0]
    assert str(place) == "<text>:5:3"
    assert place.trace == (Place("<text>", 8, 3), Place("<text>", 10, 2))


def test_includes(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "far.inc").write_text(".once\n.const far = 2\n")
    (tmp_path / "near.inc").write_text(
        '.include "far.inc"\n.include "far.inc"\n.const near = far + 1\n'
    )
    main = tmp_path / "k.npu"
    main.write_text(kernel('.include "near.inc"\n li r1, near'))
    program = asm.load_file(main, machine=EVERYTHING, include_path=[tmp_path / "lib"])
    assert listing(program)[0] == "li r1, 3"
    with pytest.raises(asm.AsmError, match="A105") as caught:
        asm.assemble(main, machine=EVERYTHING)
    assert caught.value.location is not None and caught.value.location.line == 1
    (tmp_path / "loop.inc").write_text('.include "loop.inc"\n')
    fails(kernel(f'.include "{tmp_path}/loop.inc"'), "A702", 1, 1)


def test_the_default_machine_is_the_first_listed() -> None:
    text = kernel(" li r1, MACHINE == other").replace("everything", "everything, other")
    assert build(text).machine == "everything"
    assert listing(build(text, machine=FakeMachine("other")))[0] == "li r1, 1"
    assert build(text, machine=FakeMachine("other")).machines == ("everything", "other")


def test_windows_line_ends_and_tabs() -> None:
    assert (
        build(kernel("\tli r1, 1 ; c").replace("\n", "\r\n")).code == build(kernel("li r1, 1")).code
    )


def test_assembling_imports_neither_numba_nor_rich() -> None:
    code = (
        "import sys, npuemu.asm; print([m for m in ('numba', 'rich', 'lark') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
