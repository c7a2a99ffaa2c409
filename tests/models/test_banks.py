"""Bank conflicts in closed form are the engine's."""

from __future__ import annotations

import pytest

import npuemu
from npuemu.models.parts.banks import Banks, Operand, conflicts

PROBE = """
.kernel probe
.machines ascend910b1, ascend950pr
.param FIRST = 0
.param SECOND = 0
.param RESULT = 0
.section vector
    subblock_idx r1
    bne r1, 0, end
    li r1, FIRST
    li r2, SECOND
    li r3, RESULT
    {instruction}
end:
    halt
"""
ADD = "vadd.f32 r3, r1, r2, rep=64"
SPREAD = "vmul.f32 r3, r1, r2, rep=30, src0_blk=2, src0_rep=16"
SCALE = "vdiv.f32 r3, r1, r2, rep=64, src1_blk=0, src1_rep=0"
WIDEN = "vconv.bf16_f32.none r3, r1, rep=64, dst_rep=8, src_rep=4"
REPEATS = {ADD: 64, SPREAD: 30, SCALE: 64, WIDEN: 64}


def _sides(
    text: str, first: int, second: int, result: int
) -> tuple[Operand, Operand, Operand | None]:
    steps = {SPREAD: Operand(first, 512, 8, 64), WIDEN: Operand(first, 128, 4)}
    read = steps.get(text, Operand(first))
    other = {WIDEN: None, SCALE: Operand(second, 0, 1)}.get(text, Operand(second))
    return read, Operand(result), other


@pytest.mark.parametrize("machine", ["ascend910b1", "ascend950pr"])
@pytest.mark.parametrize("text", [ADD, SPREAD, SCALE, WIDEN])
@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        (0, 65536, 131072), (0, 65792, 131072), (0, 65536, 32768), (256, 65568, 32768),
        (0, 65792, 32800), (96, 65536, 66048), (65536, 0, 98304),
    ],
)  # fmt: skip
def test_conflicts_of_one_instruction(
    machine: str, text: str, first: int, second: int, result: int
) -> None:
    program = npuemu.assemble(
        PROBE.format(instruction=text), machine=machine, FIRST=first, SECOND=second, RESULT=result
    )
    run = npuemu.run(program, mode="timing", check=False)
    stalls = run.report["cores"][0]["pipes"]["V"]["stalls"]
    read, written, other = _sides(text, first, second, result)
    rule = Banks.of(npuemu.machine(machine))
    found = conflicts(rule, REPEATS[text], written, read, other)
    assert found == stalls.get("bank_conflict", 0)
