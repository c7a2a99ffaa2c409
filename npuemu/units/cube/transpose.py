"""The 16 x 8 dword transpose of one 512-byte fractal, in registers.

A fractal is 16 rows of 8 dwords, loaded as 8 vectors of two rows. The result is 8 vectors, vector
``d`` holding dword ``d`` of rows 0..15: what a kernel needs that works on 16 columns at once.
The shuffle masks are found by moving (row, dword) labels, so the code proves itself.
"""

from __future__ import annotations

from typing import Any

from npuemu.units.cube.ir import I32X16, load, shuffle

Label = tuple[int, int]
Step = tuple[int, int, list[int], list[int]]


def _even_odd() -> tuple[list[int], list[int]]:
    """Lanes of a 2-source shuffle inside 128-bit blocks: dwords 0, 2 of both, then 1, 3 of both."""
    even, odd = [], []
    for block in range(0, 16, 4):
        even += [block, block + 2, 16 + block, 16 + block + 2]
        odd += [block + 1, block + 3, 16 + block + 1, 16 + block + 3]
    return even, odd


def plan() -> list[list[Step]]:
    """Three stages of (left register, right register, lanes of new left, lanes of new right)."""
    registers: list[list[Label]] = [
        [(2 * v + lane // 8, lane % 8) for lane in range(16)] for v in range(8)
    ]
    stages: list[list[Step]] = []
    even, odd = _even_odd()
    for bit in (1, 2):
        stages.append([(v, v | bit, even, odd) for v in range(8) if not v & bit])
        _apply(registers, stages[-1])
    final: list[Step] = []
    for v in range(4):
        both = registers[v] + registers[v | 4]
        dwords = sorted({d for _, d in both})
        lanes = [[both.index((row, d)) for row in range(16)] for d in dwords]
        final.append((v, v | 4, lanes[0], lanes[1]))
    stages.append(final)
    _apply(registers, final)
    for labels in registers:
        assert [row for row, _ in labels] == list(range(16)), labels
        assert len({d for _, d in labels}) == 1, labels
    return stages


def _apply(registers: list[list[Label]], stage: list[Step]) -> None:
    for left, right, first, second in stage:
        both = registers[left] + registers[right]
        registers[left] = [both[lane] for lane in first]
        registers[right] = [both[lane] for lane in second]


def dword_of_register() -> list[int]:
    """Which dword register ``v`` holds after the plan has run."""
    registers: list[list[Label]] = [
        [(2 * v + lane // 8, lane % 8) for lane in range(16)] for v in range(8)
    ]
    for stage in plan():
        _apply(registers, stage)
    return [labels[0][1] for labels in registers]


STAGES = plan()
DWORDS = dword_of_register()


def transposed(builder: Any, registers: list[Any]) -> list[Any]:
    """8 vectors of two rows each -> 8 vectors, the d-th with dword d of all 16 rows."""
    work = list(registers)
    for stage in STAGES:
        for left, right, first, second in stage:
            a, b = work[left], work[right]
            work[left] = shuffle(builder, a, b, first)
            work[right] = shuffle(builder, a, b, second)
    return [work[DWORDS.index(d)] for d in range(8)]


def load_fractal(builder: Any, address: Any) -> list[Any]:
    """The 8 vectors of a fractal, as dwords."""
    return [load(builder, I32X16, address, 64 * v) for v in range(8)]
