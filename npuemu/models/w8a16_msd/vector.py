"""V in gemm_w8a16_msd: what splitting a unit of rows and combining a block of sums take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from npuemu.models.parts.cost import Cost
from npuemu.models.parts.estimate import cdiv
from npuemu.models.parts.plan import Plan
from npuemu.models.parts.vector import VectorPipe

Op = tuple[str, int, int]
"""Mnemonic and suffixes, repeats of one instruction, and how many of them."""
_WIDTHS = {"bf16": 16, "f16": 16, "f32": 32, "s32": 32, "s8": 8}


@dataclass(frozen=True)
class MsdVector:
    """The vector cores' instructions by the constants of a run."""

    plan: Plan

    @cached_property
    def ordered(self) -> bool:
        """V orders dependent instructions itself: no barriers."""
        return bool(self.plan["ON_CHIP"])

    @cached_property
    def edge(self) -> Cost | None:
        """Head and tail of V's work where it has no barriers, which hold them."""
        return self.plan.costs.of("vconv", "f32_bf16", "rint") if self.ordered else None

    def _time(self, listed: Sequence[Sequence[Op]]) -> int:
        """Cycles of groups of instructions of which each depends on the one before.

        Banks of a machine whose V orders itself change every 256 bytes: an instruction that writes
        less than it reads meets its reads every other repeat, as does one that reads less.
        """
        v = VectorPipe(self.plan, running=True)
        for group in listed:
            for name, repeats, times in group:
                lost = repeats // 2 if v.ordered and _uneven(name) else 0
                v.op(name, repeats, times=times, lost=lost)
            v.barrier()
        return v.free

    def maxima(self, rows: int, width: int) -> int:
        """A piece of ``rows`` rows of ``width`` columns as f32, and its maxima by 512 columns."""
        both = cdiv(rows * width, 64)
        return self._time(
            [
                [("vconv.bf16_f32.none", both, 1)],
                [("vabs.f32", both, 1)],
                [("vcgmax.f32", cdiv(width, 64), rows)],
                [("vcmax.f32", cdiv(cdiv(width, 8), 64), rows)],
            ]
        )

    def scales(self, rows: int) -> int:
        """Both scales of every row, a repeat of each."""
        folds: list[list[Op]] = []
        if self.plan["FOLDS"] > 1:
            folds = [[("vcmax.f32", self.plan["FOLDS"], 1)]]
        return self._time(
            [
                *folds,
                [("vcmax.f32", rows, 1)],
                [("vmaxs.f32", 1, 1)],
                [("vdivs.f32", 1, 2)],
                [("vbrcb.b32", 1, 2)],
                [("vmov.b32", 1, 2 * rows)],
            ]
        )

    def reload(self, rows: int, width: int) -> int:
        """A piece as f32 again, where a row has several."""
        return self._time([[("vconv.bf16_f32.none", cdiv(rows * width, 64), 1)]])

    def high(self, rows: int, width: int) -> int:
        """High codes of a piece, as f16."""
        row, both = cdiv(width, 64), cdiv(rows * width, 64)
        listed: list[list[Op]] = [
            [("vdiv.f32", row, rows)],
            [("vconv.f32_f32.rint", both, 1)],
            [("vconv.f32_f16.rint", both, 1)],
        ]
        return self._time(listed) + self._repeated(rows, row, 1)

    def low(self, rows: int, width: int) -> int:
        """High codes as int8, the residual and the low codes of a piece."""
        row, both = cdiv(width, 64), cdiv(rows * width, 64)
        narrow = cdiv(rows * width, 128)
        listed: list[list[Op]] = [
            [("vmuls.f32", both, 1), ("vconv.f16_s8.rint", narrow, 1)],
            [("vmla.f32", row, rows)],
            [("vdiv.f32", row, rows)],
            [("vconv.f32_f32.rint", both, 1)],
            [("vconv.f32_f16.rint", both, 1)],
            [("vconv.f16_s8.rint", narrow, 1)],
        ]
        return self._time(listed) + self._repeated(rows, row, 2)

    def _repeated(self, rows: int, row: int, count: int) -> int:
        """Bank conflicts of ``count`` instructions a row that read its scale beside it.

        It lies in one half of the bank groups: every other repeat reads both from one, which has
        one port.
        """
        ports = self.plan.machine.file.banks.reads_per_group.value
        return count * rows * (row // 2) if ports == 1 else 0

    def combine(self, rows: int, cols: int) -> tuple[int, int]:
        """A block of sums: f32, joined, scaled by rows and columns, bf16; its last cast alone."""
        if self.ordered:
            reps, row = cdiv(rows * cols, 64), cdiv(cols, 64)
            by_row: list[list[Op]] = [[("vmul.f32", row, 2 * rows)]]
            spread = cdiv(rows, 8)
        else:
            pitch = self.plan["NT"]
            reps, spread = cdiv(rows * pitch, 64), cdiv(self.plan["RS"], 8)
            by_row = [[("vmul.f32", rows, cdiv(pitch, 64))]] * 2
        listed: list[list[Op]] = [
            [("vbrcb.b32", spread, 1), ("vconv.s32_f32.rint", reps, 2)],
            [("vmlas.f32", reps, 1)],
            *by_row,
            [("vconv.f32_bf16.rint", reps, 1)],
        ]
        return self._time(listed), self._time(listed[-1:])


def _uneven(name: str) -> bool:
    """Source and destination of a cast have different widths."""
    mnemonic, kind, *_ = name.split(".")
    source, _, target = kind.partition("_")
    return mnemonic == "vconv" and _WIDTHS[source] != _WIDTHS[target]
