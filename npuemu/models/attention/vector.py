"""V in an attention kernel: the softmax of a step and the update of O, instruction by instruction
as `programs/include/attn_softmax.inc` and `attn_output.inc` list them; see `docs/models.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from npuemu.models.attention.steps import Step
from npuemu.models.parts.banks import Operand
from npuemu.models.parts.estimate import cdiv
from npuemu.models.parts.plan import Plan
from npuemu.models.parts.vector import VectorPipe


@dataclass
class Vector:
    """A vector core: what it does for the step with number ``n`` (rings turn with it).

    rounded: when the weights of the last softmax are ready to leave; keys_made: when the last tile
    of keys is.
    """

    plan: Plan
    core: int
    pipe: VectorPipe
    rounded: int = 0
    keys_made: int = 0

    def __getitem__(self, name: str) -> int:
        return self.plan[name]

    @cached_property
    def at(self) -> dict[str, int]:
        """Addresses of the buffers in UB."""
        return {b.name: b.address for b in self.plan.program.buffers if b.mem == "UB"}

    def ring(self, name: str, n: int, slots: int, size: int) -> int:
        """Address of a step's slot."""
        return self.at[name] + n % slots * size

    def group(self, x: int, g: int) -> int:
        """Address of 64 keys of every row."""
        return x + g // 2 * self["TWO_GROUPS"] + g % 2 * self["GROUP_STEP"]

    @property
    def pitch(self) -> int:
        """Bytes from row to row of scores."""
        return self["PITCH"] * 32

    def groups(self, step: Step) -> int:
        """Groups of 64 keys that a step's softmax goes over."""
        return max(1, cdiv(step.core_keys(self.core, self["G"]), 64))

    # --- parts

    def paired(
        self, name: str, rows: int, groups: int, at: tuple[int, int], lanes: int | None = None
    ) -> None:
        """`each_pair`: two groups side by side are one instruction, an odd one is by itself.

        at: addresses of the result and the source; lanes: of a row's value in every lane.
        """
        to, x = at
        pairs = groups // 2 if self["CH"] == 128 else 0
        for pair in range(pairs):
            shift = pair * self["TWO_GROUPS"]
            second = None if lanes is None else Operand(lanes, 32, 1)
            self.pipe.op(
                name, 2 * rows, Operand(to + shift), Operand(x + shift), second
            )  # fmt: skip
        if groups > 2 * pairs:
            shift = pairs * self["TWO_GROUPS"]
            second = None if lanes is None else Operand(lanes, 64, 1)
            self.pipe.op(
                name, rows, Operand(to + shift, self.pitch),
                Operand(x + shift, self.pitch), second,
            )  # fmt: skip

    def fold(self, name: str, rows: int, to: int, x: int) -> None:
        """`fold_rows`: eight values a row to one."""
        whole = rows // 8
        self.pipe.op(f"{name}.f32", whole, Operand(to, 32, 1), Operand(x))
        if rows % 8:
            rest = Operand(x + whole * 256, 256, rows % 8)
            self.pipe.op(f"{name}.f32", 1, Operand(to + whole * 32, 32, 1), rest)

    def row_maxima(self, rows: int, groups: int, x: int, to: int) -> None:
        """The maximum of every row."""
        lanes, eighths = self.at["lanes"], self.at["eighths"]
        many = self["GROUPS"]
        for g in range(groups):
            self.pipe.op(
                "vcgmax.f32", rows, Operand(lanes + g * 32, many * 32, 1),
                Operand(self.group(x, g), self.pitch),
            )  # fmt: skip
        self.pipe.barrier()
        if many > 1:
            self.pipe.op(
                "vcgmax.f32", rows, Operand(eighths, 32, 1), Operand(lanes, many * 32, groups)
            )
            self.pipe.barrier()
        self.fold("vcgmax", rows, to, eighths if many > 1 else lanes)

    def widen(self, rows: int, groups: int, to: int, x: int) -> None:
        """A row's value into every lane of one block or two."""
        for half in range(2 if groups > 1 else 1):
            self.pipe.op(
                "vbrcb.b32", cdiv(rows, 8), Operand(to + half * 32, 512, 8, 64), Operand(x, 32, 1)
            )

    def small(self, name: str, to: int, x: int, y: int | None = None) -> None:
        """A value a row: one repeat."""
        second = None if y is None else Operand(y)
        self.pipe.op(f"{name}.f32", 1, Operand(to), Operand(x), second)

    # --- a step's softmax

    def hide(self, step: Step) -> tuple[int, int]:
        """Instructions that write -inf where a row sees no key, and queries that they mask."""
        queries, (row, rows) = self["G"], step.half(self.core)
        end, seen = row + rows, step.core_keys(self.core, self["G"])
        groups, lines, made = self.groups(step), 0, 0
        while row < end:
            sight = max(0, (step.row0 + row) // queries + step.offset)
            if sight >= seen:
                return made + (seen % 64 > 0 or seen == 0), lines
            row = ((step.row0 + row) // queries + 1) * queries - step.row0
            made += groups - sight // 64
            lines += 1
        return made, lines

    def mask(self, step: Step) -> None:
        """The same on V: lines of three cycles, or all rows at once behind the last key."""
        made, lines = self.hide(step)
        rows = step.half(self.core)[1]
        for _ in range(made):
            self.pipe.op("vdup.b32", 1 if lines else rows, Operand(0))

    def weigh(self, step: Step, n: int, x: int) -> None:
        """Scaling, maximum, weights in f32."""
        pipe, rows, groups = self.pipe, step.half(self.core)[1], self.groups(step)
        self.paired("vmuls.f32", rows, groups, (x, x))
        pipe.barrier()
        m, wide = self.ring("m_ring", n, 2, 256), self.at["wide_m"]
        self.row_maxima(rows, groups, x, m)
        pipe.barrier()
        alpha = self.ring("alpha_ring", n, self["RING"], 256)
        before = self.ring("m_ring", n + 1, 2, 256)
        if step.first:
            self.small("vmaxs", m, m)
            pipe.barrier()
        else:
            self.small("vmax", m, before, m)
            pipe.barrier()
            self.small("vsub", alpha, before, m)
        self.widen(rows, groups, wide, m)
        pipe.barrier()
        if not step.first:
            self.small("vexp", alpha, alpha)
        self.paired("vsub.f32", rows, groups, (x, x), wide)
        pipe.barrier()
        self.paired("vexp.f32", rows, groups, (x, x))
        pipe.barrier()

    def round_weights(self, step: Step, x: int) -> None:
        """To bf16 columns of 16 keys, zeros behind them."""
        rows, groups, height = step.half(self.core)[1], self.groups(step), self["HR"] * 32
        y = self.at["p_out"]
        for g in range(groups):
            self.pipe.op(
                "vconv.f32_bf16.rint", rows, Operand(y + 4 * g * height, 32, 4, height),
                Operand(self.group(x, g), self.pitch),
            )  # fmt: skip
        unseen = cdiv(step.keys, 16) - 4 * groups
        self.pipe.op("vdup.b32", cdiv(unseen * self["HR"] * 8, 64), Operand(y))

    def sum_weights(self, step: Step, n: int, x: int) -> None:
        """l' = l * alpha + sum p."""
        pipe, rows, groups = self.pipe, step.half(self.core)[1], self.groups(step)
        at, eighths, lanes = self.at, self.at["eighths"], self.at["lanes"]
        if groups == 1:
            pipe.op("vcgadd.f32", rows, Operand(eighths, 32, 1), Operand(x, self.pitch))
        else:
            for g in range(1, groups):
                first = Operand(x, self.pitch) if g == 1 else Operand(lanes)
                pipe.op(
                    "vadd.f32", rows, Operand(lanes), first, Operand(self.group(x, g), self.pitch)
                )
                pipe.barrier()
            pipe.op("vcgadd.f32", rows, Operand(eighths, 32, 1), Operand(lanes))
        pipe.barrier()
        new, old = (self.ring("l_ring", n + i, self["RING"], 256) for i in (0, -1))
        if step.first:
            self.fold("vcgadd", rows, new, eighths)
            return
        self.small("vmul", at["l_part"], old, self.ring("alpha_ring", n, self["RING"], 256))
        self.fold("vcgadd", rows, at["p_sum"], eighths)
        pipe.barrier()
        self.small("vadd", new, at["l_part"], at["p_sum"])

    def softmax(self, step: Step, n: int) -> None:
        """All of a step's softmax."""
        if step.half(self.core)[1] == 0:
            return
        self.mask(step)
        self.pipe.barrier()
        x = self.ring("s_slots", n, 2, self["S_SLOT"])
        self.weigh(step, n, x)
        self.pipe.flag()
        self.round_weights(step, x)
        self.pipe.flag()
        self.rounded = self.pipe.end
        self.sum_weights(step, n, x)
        self.pipe.flag()

    # --- O

    def wide_blocks(self, c: int) -> int:
        """Blocks of f32 in 64 columns of O, or in what is left of them."""
        return min(8, self["D"] // 8 - 8 * c)

    def columns(self, name: str, rows: int, operands: tuple[Operand, ...]) -> None:
        """`each_column`: an instruction for every 64 columns of O."""
        to, x, *y = operands
        for c in range(cdiv(self["D"], 64)):
            moved = [Operand(o.address + c * 256, o.step, self.wide_blocks(c)) for o in (to, x)]
            self.pipe.op(name, rows, moved[0], moved[1], *y)

    def update(self, step: Step, n: int) -> None:
        """O = O * alpha + PV, with an item's last step divided and rounded."""
        pipe, rows = self.pipe, step.half(self.core)[1]
        if rows == 0:
            return
        pipe.flag()
        pitch, wide = self["O_PITCH"] * 32, self.at["wide_o"]
        here, before = (
            Operand(self.ring("o_slots", n + i, 2, self["O_SLOT"]), pitch) for i in (0, 1)
        )
        self.join_values(rows, n, here)
        if not step.first:
            alpha = self.ring("alpha_ring", n, self["RING"], 256)
            pipe.op("vbrcb.b32", cdiv(rows, 8), Operand(wide), Operand(alpha, 32, 1))
            pipe.barrier()
            self.columns("vmla.f32", rows, (here, before, Operand(wide, 32, 1)))
        pipe.barrier()
        pipe.flag()
        if step.last:
            self.finish(rows, n, here)
            pipe.barrier()

    def finish(self, rows: int, n: int, here: Operand) -> None:
        """The division by l, and rows of O in bf16."""
        pipe, wide, part = self.pipe, self.at["wide_o"], self.at["l_part"]
        self.small("vmaxs", part, self.ring("l_ring", n, self["RING"], 256))
        pipe.barrier()
        pipe.op("vbrcb.b32", cdiv(rows, 8), Operand(wide), Operand(part, 32, 1))
        pipe.barrier()
        self.columns("vdiv.f32", rows, (here, here, Operand(wide, 32, 1)))
        pipe.barrier()
        self.scale_output(rows, here)
        for c in range(cdiv(self["D"], 64)):
            y = Operand(self.at["p_out"] + c * 128, self["D"] * 2, 4)
            pipe.op("vconv.f32_bf16.rint", rows, y, Operand(here.address + c * 256, here.step))

    # --- what kernels add

    def prepare(self, step: Step) -> None:
        """What the core makes for the cube core besides weights."""

    def join_values(self, rows: int, n: int, here: Operand) -> None:
        """What comes before O is rescaled."""

    def scale_output(self, rows: int, here: Operand) -> None:
        """What comes behind the division."""

    def scale_channels(self, rows: int, here: Operand) -> None:
        """`scale_channels`: every column of O by its own factor."""
        for c in range(cdiv(self["D"], 64)):
            x = Operand(here.address + c * 256, here.step, self.wide_blocks(c))
            scale = Operand(self.at["channel_scale"] + c * 256, 0, self.wide_blocks(c))
            self.pipe.op("vmul.f32", rows, x, x, scale)
        self.pipe.barrier()
