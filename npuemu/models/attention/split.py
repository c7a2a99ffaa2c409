"""V of an attention over an int8 cache that stays as it is: queries and weights in two int8 parts,
as `programs/include/attn_split.inc` lists it; see `docs/models.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

from npuemu.models.attention.steps import Step
from npuemu.models.attention.vector import Vector
from npuemu.models.parts.banks import Operand
from npuemu.models.parts.estimate import cdiv


@dataclass
class SplitVector(Vector):
    """A vector core that splits queries and weights, and joins the two products of each."""

    def softmax(self, step: Step, n: int) -> None:
        """Both products joined, the softmax, and the weights split."""
        rows = step.half(self.core)[1]
        if rows == 0:
            return
        x = self.ring("s_slots", n, 2, self["S_SLOT"])
        self._join_scores(step, rows, x)
        self.mask(step)
        self.pipe.barrier()
        self.weigh(step, n, x)
        self.sum_weights(step, n, x)
        self._split_weights(step, n, x)
        self.pipe.flag()
        self.rounded = self.pipe.end
        self.pipe.flag()

    def join_values(self, rows: int, n: int, here: Operand) -> None:
        """Both products of PV to one in f32."""
        pipe, wide = self.pipe, self.at["wide_o"]
        low = Operand(self.at["o_low"], here.step)
        s2 = self.ring("p_s2", n, self["RING"], 256)
        pipe.op("vbrcb.b32", cdiv(rows, 8), Operand(wide), Operand(s2, 32, 1))
        for c in range(cdiv(self["D"], 64)):
            for place in (here, low):
                part = Operand(place.address + c * 256, place.step, self.wide_blocks(c))
                pipe.op("vconv.s32_f32.rint", rows, part, part)
        pipe.barrier()
        self.columns("vmlas.f32", rows, (low, here))
        pipe.barrier()
        self.columns("vmul.f32", rows, (here, low, Operand(wide, 32, 1)))
        pipe.barrier()

    def scale_output(self, rows: int, here: Operand) -> None:
        """O times the scale of every channel."""
        self.scale_channels(rows, here)

    def prepare(self, step: Step) -> None:
        """An item's queries: scaled in f32 and split."""
        rows = step.half(self.core)[1]
        if not step.first or rows == 0:
            return
        pipe, q, quotient = self.pipe, self.at["q_wide"], self.at["quotient"]
        d, spans = self["D"], range(cdiv(self["D"], 64))
        for c in spans:
            raw = Operand(self.at["q_raw"] + c * 128, 2 * d, cdiv(self.wide_blocks(c), 2))
            to = Operand(q + c * 256, self.pitch, self.wide_blocks(c))
            pipe.op("vconv.bf16_f32.none", rows, to, raw)
        pipe.barrier()
        for c in spans:
            x = Operand(q + c * 256, self.pitch, self.wide_blocks(c))
            scale = Operand(self.at["q_scale"] + c * 256, 0, self.wide_blocks(c))
            pipe.op("vmul.f32", rows, x, x, scale)
        for _ in range(2 - d // 64):
            pipe.op("vdup.b32", rows, Operand(q))
        pipe.barrier()
        for c in range(2):
            part = Operand(quotient + c * 256, self.pitch)
            pipe.op("vabs.f32", rows, part, Operand(q + c * 256, self.pitch))
        pipe.barrier()
        self.row_maxima(rows, 2, quotient, self.at["m_part"])
        pipe.barrier()
        self._scales(rows, 2, self.at["q_s2"])
        self._split_chunk(rows, q, self.at["p_out"])
        pipe.barrier()

    def _join_scores(self, step: Step, rows: int, x: int) -> None:
        """Scores to f32: high times 254, low, and the scale of the row."""
        pipe, groups, low = self.pipe, self.groups(step), self.at["s_low"]
        if step.core_keys(self.core, self["G"]) < 64 * groups:
            for _ in range(2):
                pipe.op("vdup.b32", rows, Operand(x))
        wide = self.at["wide_m"]
        self.widen(rows, groups, wide, self.at["q_s2"])
        pipe.barrier()
        for pair in range(cdiv(groups, 2)):
            for place in (x, low):
                at = place + pair * self["TWO_GROUPS"]
                self.paired("vconv.s32_f32.rint", rows, min(2, groups - 2 * pair), (at, at))
        pipe.barrier()
        self.paired("vmlas.f32", rows, groups, (low, x))
        pipe.barrier()
        self.paired("vmul.f32", rows, groups, (x, low), wide)
        pipe.barrier()
        pipe.flag()

    def _split_weights(self, step: Step, n: int, x: int) -> None:
        """Weights to p_out, rows of 128 keys, zeros behind them."""
        pipe, rows, groups = self.pipe, step.half(self.core)[1], self.groups(step)
        if groups % 2:
            pipe.op("vdup.b32", rows, Operand(x))
            groups += 1
        pipe.barrier()
        self.row_maxima(rows, groups, x, self.at["m_part"])
        pipe.barrier()
        self._scales(rows, groups, self.ring("p_s2", n, self["RING"], 256))
        pipe.flag()
        for pair in range(groups // 2):
            to = self.at["p_out"] + pair * 4 * self["HR"] * 32
            self._split_chunk(rows, x + pair * self["TWO_GROUPS"], to)
        unseen = cdiv(step.keys, 32) - 2 * groups
        for _ in range(2):
            pipe.op("vdup.b32", cdiv(unseen * self["HR"] * 8, 64), Operand(x))

    def _scales(self, rows: int, groups: int, s2: int) -> None:
        """s1 and s2 of every row, each in every lane of two blocks."""
        pipe, part, m = self.pipe, self.at["s1_part"], self.at["m_part"]
        self.small("vmaxs", m, m)
        pipe.barrier()
        self.small("vdivs", part, m)
        self.small("vdivs", s2, m)
        pipe.barrier()
        self.widen(rows, groups, self.at["wide_1"], part)
        self.widen(rows, groups, self.at["wide_2"], s2)
        pipe.barrier()

    def _split_chunk(self, rows: int, x: int, y: int) -> None:
        """Rows of 128 in f32: the high codes, what they leave, the low codes."""
        pipe, both = self.pipe, 2 * rows
        t, source = Operand(self.at["quotient"]), Operand(x)
        s1, s2 = (Operand(self.at[name], 32, 1) for name in ("wide_1", "wide_2"))
        pipe.op("vdiv.f32", both, t, source, s1)
        pipe.barrier()
        self._codes(rows, t, y)
        pipe.op("vmuls.f32", both, t, t)
        pipe.barrier()
        pipe.op("vmla.f32", both, source, t, s2)
        pipe.barrier()
        pipe.op("vdiv.f32", both, t, source, s2)
        pipe.barrier()
        self._codes(rows, t, y + self["LOW_OUT"])

    def _codes(self, rows: int, t: Operand, y: int) -> None:
        """Quotients to int8 columns of 32."""
        pipe, codes = self.pipe, self.at["codes"]
        pipe.op("vconv.f32_f32.rint", 2 * rows, t, t)
        pipe.barrier()
        pipe.op("vconv.f32_f16.rint", 2 * rows, Operand(codes, 128, 4), t)
        pipe.barrier()
        to = Operand(y, 32, 4, self["HR"] * 32)
        pipe.op("vconv.f16_s8.rint", rows, to, Operand(codes))
