"""V in gemm_w8a16_msd: what splitting a unit of rows and combining a block of sums take."""

from __future__ import annotations

from npuemu.models.cost import Costs
from npuemu.models.estimate import cdiv
from npuemu.models.vector import Op, rounds


def split_unit(costs: Costs, rows: int, width: int) -> int:
    """``rows`` rows of ``width`` columns from bf16 to two int8 codes, bank conflicts included."""
    f32 = ("f32",)
    row = cdiv(width, 64)
    both = cdiv(rows * width, 64)
    narrow = cdiv(rows * width, 128)
    rint = ("f32_f32", "rint")
    listed: list[list[Op]] = [
        [("vconv", ("bf16_f32", "none"), both, 1)],
        [("vabs", f32, both, 1)],
        [("vcgmax", f32, row, rows)],
        [("vcmax", f32, cdiv(cdiv(width, 8), 64), rows)],
        [("vcmax", f32, rows, 1)],
        [("vmaxs", f32, 1, 1)],
        [("vdivs", f32, 1, 2)],
        [("vbrcb", ("b32",), 1, 2)],
        [("vmov", ("b32",), 1, 2 * rows)],
        [("vdiv", f32, row, rows)],
        [("vconv", rint, both, 1)],
        [("vconv", ("f32_f16", "rint"), both, 1)],
        [("vmuls", f32, both, 1), ("vconv", ("f16_s8", "rint"), narrow, 1)],
        [("vmla", f32, row, rows)],
        [("vdiv", f32, row, rows)],
        [("vconv", rint, both, 1)],
        [("vconv", ("f32_f16", "rint"), both, 1)],
        [("vconv", ("f16_s8", "rint"), narrow, 1)],
    ]
    # A row's scale lies in one half of the bank groups: every other repeat of three instructions
    # reads it from the half that the row is read from.
    conflicts = 3 * rows * (row // 2)
    return rounds(costs, listed) + conflicts


def combine_step(costs: Costs, rows: int, cols: int, pitch: int) -> int:
    """A block of sums on a vector core: V, or its loads where those take longer."""
    reps, slices = cdiv(rows * pitch, 64), cdiv(pitch, 64)
    f32 = ("f32",)
    listed: list[list[Op]] = [
        [("vbrcb", ("b32",), cdiv(rows, 8), 1), ("vconv", ("s32_f32", "rint"), reps, 2)],
        [("vmlas", f32, reps, 1)],
        [("vmul", f32, rows, slices)],
        [("vmul", f32, rows, slices)],
        [("vconv", ("f32_bf16", "rint"), reps, 1)],
    ]
    load = costs.gm("mov_gm_ub")
    bursts = 1 if cols == pitch else rows
    moved = load.head + 2 * load.bytes_work(4 * rows * cols, 0, bursts)
    moved += load.bytes_work(4 * cols) + load.bytes_work(4 * rows)
    return max(rounds(costs, listed), moved)
