"""What a step of an attention takes on the pipes beside V: loads, products, stores, and the way
from one core to the other; see `docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from npuemu.models.attention.steps import Step, lift_blocks
from npuemu.models.parts.cost import Costs, Transfer
from npuemu.models.parts.estimate import align_up, cdiv, parts
from npuemu.models.parts.plan import Plan


@dataclass(frozen=True)
class Product:
    """One of a step's products, all passes: cycles of MTE1, M and FIX, and from the first operand
    until the last result has left L0C.
    """

    moved: int
    made: int
    stored: int
    through: int


@dataclass(frozen=True)
class Cube:
    """Work of single steps, in cycles of one core."""

    plan: Plan

    def __getitem__(self, name: str) -> int:
        return self.plan[name]

    @cached_property
    def costs(self) -> Costs:
        """Time rows."""
        return self.plan.costs

    @cached_property
    def joined(self) -> bool:
        """L0C, UB and L1 are joined."""
        return bool(self["PAIRED"])

    @cached_property
    def _align(self) -> int:
        return self.costs.align

    def alone(self, load: Transfer, works: Sequence[int]) -> int:
        """Transfers one after the other on an idle pipe: only the first pays its head."""
        return load.head + sum(works) + load.tail

    # --- cube core

    def query_load(self, step: Step) -> int:
        """MTE2: an item's queries."""
        size = step.rows * self["D"] * 2
        if not self["Q_LIFTED"]:
            return self.costs.gm("nd2nz_gm_l1").bytes_work(size, size)
        if self.joined:
            return 0
        return self.costs.gm("mov_gm_l1").bytes_work(size, 0, self["D"] // 16)

    def cache_load(self, step: Step, value: bool) -> int:
        """MTE2: a tile of keys or values."""
        if self["LIFTED"]:
            if self.joined:
                return 0
            rows = align_up(step.keys, 16) if value else step.keys
            return self.costs.gm("mov_gm_l1").bytes_work(rows * self["D"] * 2, 0, self["DF"])
        nd2nz = self.costs.gm("nd2nz_gm_l1")
        width = self["D"] * self["ELEMENT"]
        size = step.keys * width
        work = nd2nz.bytes_work(size, round(step.new * size))
        fill = align_up(step.keys, self["COLUMN"]) - step.keys if value else 0
        filled = nd2nz.bytes_work(fill * width, 0, fill) if fill else 0
        again = self["SPLIT"] and not self["RESIDENT"]
        return work + filled + (nd2nz.bytes_work(size) + filled if again else 0)

    def weights_load(self, step: Step) -> int:
        """MTE2: weights from GM."""
        if self.joined:
            return 0
        columns = cdiv(step.keys, self["COLUMN"])
        load = self.costs.gm("mov_gm_l1").bytes_work(columns * step.rows * 32, 0, columns)
        return self["PASSES"] * load

    def _store(self, rows: int, cols: int, pitch: int) -> int:
        """FIX: a place of L0C to GM or to both vector cores."""
        if not self.joined:
            fix = self.costs.gm("fix_l0c_gm", "none_b32")
            return fix.bytes_work(rows * cols * 4, 0, 1 if cols == pitch else rows)
        unit = self.costs.of("fix_l0c_ub", "none_b32")
        return sum(unit.work(half * align_up(cols, 16) * 4) for half in (cdiv(rows, 2), rows // 2))

    def _operand(self, name: str, count: int, transpose: int = 0) -> int:
        suffix = "b8" if self["SPLIT"] else "b16"
        return self.costs.of(name, suffix, transpose=transpose).work(count)

    def _mmad(self, rows: int, cols: int, depth: int) -> int:
        tiles = cdiv(rows, 16) * cdiv(cols, 16) * cdiv(depth, self["COLUMN"])
        return self.costs.of("mmad", "s8" if self["SPLIT"] else "bf16").work(tiles)

    def scores(self, step: Step) -> Product:
        """S of a step."""
        d, rows = self["D"], step.rows
        moved = made = stored = through = 0
        keys = step.seen(rows - 1, self["G"])
        for cols in parts(keys, self["CH"]):
            a = self._operand("load_l1_l0a", cdiv(rows, 16) * d // self["COLUMN"])
            b = self._operand("load_l1_l0b", cdiv(cols, 16) * d // self["COLUMN"])
            product, out = self._mmad(rows, cols, d), self._store(rows, cols, self["CH"])
            through = through or self._heads() + a + b + product
            moved, made, stored = moved + a + b, made + product, stored + out
        both = self["PASSES"]
        moved, made, stored = both * moved, both * made, both * stored
        return Product(moved, made, stored, through + max(stored, moved, made))

    def values(self, step: Step) -> Product:
        """PV of a step."""
        d, rows = self["D"], step.rows
        moved = made = first = 0
        for cols in parts(step.keys, self["CH"]):
            depth = cdiv(cols, self["COLUMN"])
            a = self._operand("load_l1_l0a", cdiv(rows, 16) * depth)
            b = self._operand("load_l1_l0b", self["DF"] * depth, transpose=1)
            product = self._mmad(rows, d, cols)
            first = first or a + b
            moved, made = moved + a + b, made + product
        both, out = self["PASSES"], self._store(rows, d, d)
        moved, made = both * moved, both * made
        through = self._heads() + first + max(moved - first, made) + out
        return Product(moved, made, both * out, through)

    def _heads(self) -> int:
        """What idle pipes add between L1 and the end of a store."""
        a, mmad = self.costs.of("load_l1_l0a", "b16"), self.costs.of("mmad", "bf16")
        fix = self.costs.of(*(("fix_l0c_ub", "none_b32") if self.joined else
                              ("fix_l0c_gm", "none_b32")))  # fmt: skip
        return a.head + a.tail + mmad.head + mmad.tail + fix.head + fix.tail

    # --- vector cores beside V

    def scores_loads(self, step: Step, core: int) -> list[int]:
        """MTE2: a core's rows of scores from GM."""
        rows, load = step.half(core)[1], self.costs.gm("mov_gm_ub")
        if self.joined or rows == 0:
            return []
        chunks = parts(step.core_keys(core, self["G"]), self["CH"])
        return self["PASSES"] * [
            load.bytes_work(rows * cols * 4, 0, 1 if cols == self["CH"] else rows)
            for cols in chunks
        ]

    def values_loads(self, step: Step, core: int) -> list[int]:
        """MTE2: a core's rows of weighted values from GM."""
        row0, rows = step.half(core)
        if self.joined:
            return []
        aligned = row0 * self["D"] * 4 % self._align == 0
        load = self.costs.gm("mov_gm_ub")
        return self["PASSES"] * [load.bytes_work(rows * self["D"] * 4, 0, 1, aligned)]

    def weights_store(self, step: Step, core: int) -> int:
        """MTE3: a core's rows of weights."""
        row0, rows = step.half(core)
        columns = cdiv(step.keys, self["COLUMN"])
        size = columns * rows * 32
        if self.joined:
            return self["PASSES"] * self.costs.of("mov_ub_l1").work(size)
        aligned = row0 * 32 % self._align == 0
        store = self.costs.gm("mov_ub_gm")
        return self["PASSES"] * store.bytes_work(size, 0, columns, aligned)

    def output_store(self, step: Step, core: int) -> int:
        """MTE3: a core's rows of O."""
        size = step.half(core)[1] * self["D"] * 2
        return self.costs.gm("mov_ub_gm").bytes_work(size, size) if size else 0

    # --- int8 that the vector cores lift

    def lift_load(self, step: Step, core: int, value: bool) -> int:
        """MTE2: a core's half of a tile, block by block."""
        load, d = self.costs.gm("mov_gm_ub"), self["D"]
        scales = load.bytes_work(4 * d) if self["LIFT_SCALED"] else 0
        blocks = lift_blocks(self.plan, step.keys, core, value)
        return sum(
            load.bytes_work(rows * d, round(step.new * rows * d)) + scales for rows in blocks
        )

    def lift_store(self, step: Step, core: int, value: bool) -> int:
        """MTE3: the same in bf16."""
        sizes = [rows * self["D"] * 2 for rows in lift_blocks(self.plan, step.keys, core, value)]
        if self.joined:
            return sum(map(self.costs.of("mov_ub_l1").work, sizes))
        store = self.costs.gm("mov_ub_gm")
        return sum(store.bytes_work(size, 0, self["DF"]) for size in sizes)

    def loads(self, step: Step, core: int) -> int:
        """MTE2 of a vector core."""
        work = sum(self.scores_loads(step, core)) + sum(self.values_loads(step, core))
        if self["LIFTED"]:
            work += sum(self.lift_load(step, core, value) for value in (False, True))
        return work

    def stores(self, step: Step, core: int) -> int:
        """MTE3 of a vector core."""
        work = self.weights_store(step, core) + step.last * self.output_store(step, core)
        if self["LIFTED"]:
            work += sum(self.lift_store(step, core, value) for value in (False, True))
        return work

    # --- from core to core

    def scores_way(self, step: Step, core: int) -> int:
        """From K in L1 until a vector core has the scores."""
        way = self.scores(step).through + self.costs.flag
        load = self.costs.gm("mov_gm_ub")
        return way + (0 if self.joined else self.alone(load, self.scores_loads(step, core)))

    def keys_way(self, step: Step, core: int) -> int:
        """From a core's last block of lifted keys in UB until they are in L1."""
        blocks = lift_blocks(self.plan, step.keys, core, False)
        size = 2 * self["D"] * (blocks[-1] if blocks else 0)
        if self.joined:
            return self.costs.of("mov_ub_l1").alone(size) + self.costs.flag
        out, load = self.costs.gm("mov_ub_gm"), self.costs.gm("mov_gm_l1")
        edges = out.head + out.tail + load.head + load.tail + self.costs.flag
        return edges + out.bytes_work(size, 0, self["DF"]) + self.cache_load(step, False)

    def queries_way(self, step: Step, core: int) -> int:
        """From a core's split queries in UB until they are in L1."""
        size = step.half(core)[1] * self["D"] * 2
        if self.joined:
            return self.costs.of("mov_ub_l1").alone(size) + self.costs.flag
        out, load = self.costs.gm("mov_ub_gm"), self.costs.gm("mov_gm_l1")
        edges = out.head + out.tail + load.head + load.tail + self.costs.flag
        return edges + out.bytes_work(size, size, self["D"] // 16) + self.query_load(step)

    def weights_way(self, step: Step, core: int) -> int:
        """From weights in UB until they are in L1."""
        if self.joined:
            store = self.costs.of("mov_ub_l1")
            return store.head + self.weights_store(step, core) + store.tail + self.costs.flag
        out, load = self.costs.gm("mov_ub_gm"), self.costs.gm("mov_gm_l1")
        edges = out.head + out.tail + load.head + load.tail
        return edges + self.weights_store(step, core) + self.costs.flag + self.weights_load(step)

    def values_way(self, step: Step, core: int) -> int:
        """From weights in L1 until a vector core has the weighted values."""
        way = self.values(step).through + self.costs.flag
        load = self.costs.gm("mov_gm_ub")
        return way + (0 if self.joined else self.alone(load, self.values_loads(step, core)))
