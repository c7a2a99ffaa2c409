"""V of an attention over an int8 cache that the vector cores bring to bf16, as
`programs/include/attn_lift.inc` lists it; see `docs/models.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

from npuemu.models.attention.steps import Step, lift_blocks
from npuemu.models.attention.vector import Vector
from npuemu.models.parts import scalar
from npuemu.models.parts.banks import Operand
from npuemu.models.parts.estimate import cdiv, parts


@dataclass
class LiftVector(Vector):
    """A vector core that lifts keys, values and (lift) queries; lift: O by the values' scales."""

    def prepare(self, step: Step) -> None:
        """Keys, values and queries for the cube core: blocks of rows through two places each.

        The scalar unit orders the first block's load when what it has put into V's queue before
        leaves no more than a queue full.
        """
        depth = self.plan.machine.file.die.queue_depth.value
        load = self.plan.costs.gm("mov_gm_ub")
        taken = max(load.head + load.bytes_work(self["LIFT_ROWS"] * self["D"]), load.alone(0))
        self.pipe.hold((len(self.pipe.entries) - depth) * scalar.ENTRY + scalar.LIFT_LOAD + taken)
        if step.first and self["Q_LIFTED"]:
            for rows in parts(step.half(self.core)[1], self["LIFT_ROWS"]):
                self._block(rows, 0, query=True)
        number = 0
        for value in (False, True):
            for rows in lift_blocks(self.plan, step.keys, self.core, value):
                self._block(rows, number % 2, query=False)
                number += 1
            if not value:
                self.keys_made = self.pipe.end

    def scale_output(self, rows: int, here: Operand) -> None:
        """O times the scale of every channel."""
        if self["Q_LIFTED"]:
            self.scale_channels(rows, here)

    def _wide(self) -> list[tuple[int, int, int]]:
        """(column, address in f32, blocks of it) for every 64 columns."""
        wide, d = self.at["lift_wide"], self["D"]
        height = self["LIFT_ROWS"] * 256
        return [(c * 64, wide + c * height, min(8, (d - c * 64) // 8)) for c in range(cdiv(d, 64))]

    def _block(self, rows: int, place: int, query: bool) -> None:
        """A block: to f32 (or f16 where that goes to bf16 by itself), scaled, to bf16 columns."""
        pipe, begin = self.pipe, self.pipe.free
        pipe.flag()
        d, lifted = self["D"], self["LIFT_ROWS"]
        raw = self.at["lift_in"] + place * self["LIFT_IN"]
        half = raw if query else self.at["lift_half"]
        if not query:
            s8 = Operand(raw, 128, 4)
            pipe.op("vconv.s8_f16.none", cdiv(rows * d, 128), Operand(half), s8)
        pipe.barrier()
        wide = query or bool(self["LIFT_WIDE"])
        if wide:
            widen = "vconv.bf16_f32.none" if query else "vconv.f16_f32.none"
            for column, at, blocks in self._wide():
                source = Operand(half + 2 * column, 2 * d, cdiv(blocks, 2))
                pipe.op(widen, rows, Operand(at, 256, blocks), source)
            pipe.barrier()
        if query or self["LIFT_SCALED"]:
            for column, at, blocks in self._wide():
                scale = Operand(raw + lifted * d * 2 + 4 * column, 0, blocks)
                x = Operand(at, 256, blocks)
                pipe.op("vmul.f32", rows, x, x, scale)
            pipe.barrier()
        read = pipe.end
        pipe.flag()
        pipe.flag()
        self._to_columns(rows, place, half, wide)
        pipe.flag()
        self._two_places(rows, begin, read, query)

    def _to_columns(self, rows: int, place: int, half: int, wide: bool) -> None:
        """The last cast: 32 bytes a row, column after column."""
        height = self["LIFT_ROWS"] * 32
        to = self.at["lift_out"] + place * self["LIFT_OUT"]
        if not wide:
            y = Operand(to, 32, self["DF"], height)
            source = Operand(half, 2 * self["D"], self["DF"])
            self.pipe.op("vconv.f16_bf16.rint", rows, y, source)
            return
        for column, at, blocks in self._wide():
            y = Operand(to + column // 16 * height, 32, cdiv(blocks, 2), height)
            self.pipe.op("vconv.f32_bf16.rint", rows, y, Operand(at, 256, blocks))

    def _two_places(self, rows: int, begin: int, read: int, query: bool) -> None:
        """A block's places are used again by the next but one: loading it and reading it, or
        writing it and storing it, takes two blocks' time at least.
        """
        pipe, costs, size = self.pipe, self.plan.costs, rows * self["D"]
        load = costs.gm("mov_gm_ub")
        taken = load.head + load.bytes_work(size * (2 if query else 1)) + load.tail
        if query or self["LIFT_SCALED"]:
            taken += load.bytes_work(4 * self["D"])
        taken = max(taken, load.row.isolated or 0) + read - begin
        out = pipe.end - read
        if self["PAIRED"]:
            out += costs.of("mov_ub_l1").alone(2 * size)
        else:
            store = costs.gm("mov_ub_gm")
            out += store.head + store.bytes_work(2 * size, 0, self["DF"]) + store.tail
        pipe.hold(begin + max(taken, out) // 2)
