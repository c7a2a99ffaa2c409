"""gemm_w8a16_dequant and gemm_w8a16_lift on a machine whose cores meet in GM: one core group's way
through the ring in GM, tile by tile of the weight and step by step of products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from npuemu.models.parts import scalar
from npuemu.models.parts.core_groups import Group
from npuemu.models.parts.estimate import cdiv, parts
from npuemu.models.sharing.pipe import GroupPipes, Memory

if TYPE_CHECKING:
    from npuemu.models.ring.w8a16_gm import GemmW8A16


@dataclass(frozen=True)
class Tile:
    """``rows`` rows of a vector core's half of a panel, ``kc`` columns from ``k``.

    opens: first of a slot; closes: chunks that the cube core may read when it is stored.
    """

    rows: int
    k: int
    kc: int
    opens: bool
    closes: int


@dataclass
class GmFlow(GroupPipes):
    """One core group; both vector cores do the same at the same time. Times are cycles from the
    start of the run.
    """

    model: GemmW8A16
    group: Group
    released: list[float] = field(default_factory=lambda: [0.0, 0.0])  # int8 tiles
    stored: list[float] = field(default_factory=lambda: [0.0, 0.0])  # bf16 tiles
    pending: list[Tile] = field(default_factory=list)  # cast in part
    filled: list[float] = field(default_factory=list)  # chunks, as the cube core sees it
    freed: list[float] = field(default_factory=list)  # slots, as the vector cores see it
    opened: int = 0  # slots
    summed: list[float] = field(default_factory=list)  # tiles of sums, as the vector cores see it
    taken: list[float] = field(default_factory=list)  # tiles of sums, as FIX sees it

    def __post_init__(self) -> None:
        model, plan = self.model, self.model.plan
        self.alike = model.alike
        self.inwards = Memory(model.costs, scalar.GM_RING, scalar.GM_RING)
        self.across = Memory(model.costs, scalar.GM_RING, scalar.GM_RING)
        self.chunks = list(parts(plan["K"], plan["CHUNK"]))
        self.panels = list(parts(self.group.cols, plan["TILE_N"]))
        self.a_free = [0.0, 0.0]
        self.acc_free = [0.0] * plan["ACCS"]
        self.l0_free = [0.0, 0.0]
        self.last = 0.0  # cycles of the last chunk's products
        self.cube = self._cube()

    def run(self) -> float:
        """Follow all panels; the end of the run."""
        lift = self.model.lift
        self.hold(scalar.GM_RING)
        for panel, cols in enumerate(self.panels):
            if lift and panel > 1:
                self._scale(panel - 2)
            if not lift:
                self.inwards.run(self.load, 0.0, [self.model.scales(cols // 2)], 2 * self.alike)
            for tile in self._tiles(cols // 2):
                self._cast(tile)
        while self.pending:
            self.v.run(0.0, None, self.model.rounds(0)[-1])
            self._store(self.pending.pop(0))
        if lift:
            for panel in range(max(0, len(self.panels) - 2), len(self.panels)):
                self._scale(panel)
        for _ in self.cube:
            pass
        return self.end

    @property
    def behind(self) -> float:
        """What a run takes behind its transfers: the last chunk's products, and what follows."""
        return self.last + self.end - self.m.end

    # --- vector cores

    def _tiles(self, half: int) -> Iterator[Tile]:
        """The tiles of half a panel."""
        plan, count = self.model.plan, len(self.chunks)
        for chunk, kc in enumerate(self.chunks):
            batch = chunk % plan["BATCH"] + 1
            ready = batch if batch == plan["BATCH"] or chunk == count - 1 else 0
            for row in range(0, half, plan["TILE_ROWS"]):
                rows = min(plan["TILE_ROWS"], half - row)
                opens = row == 0 and (bool(plan["STREAM"]) or chunk == 0)
                last = row + rows == half
                yield Tile(rows, chunk * plan["CHUNK"], kc, opens, ready if last else 0)

    def _cast(self, tile: Tile) -> None:
        """A tile's rounds on V, in which the tiles before it are finished."""
        model = self.model
        moves = [model.load_w(tile)]
        loaded = self.inwards.run(self.load, self.released[-2], moves, 2 * self.alike, True)
        works = model.rounds(tile.rows)
        begin = self.v.starts(loaded)
        self.released.append(begin + model.narrow(tile.rows))
        for work in works[:-1]:
            self.v.run(loaded, None, work)
        self.v.run(max(loaded, self.stored[-2]), None, works[-1])
        self.pending.append(tile)
        if len(self.pending) > model.lag:
            self._store(self.pending.pop(0))

    def _store(self, tile: Tile) -> None:
        """A tile to its slot of the ring, and the flags."""
        model, plan, free = self.model, self.model.plan, 0.0
        if tile.opens:
            slot = self.opened - plan["SLOTS"]
            if slot >= 0:
                while len(self.freed) <= slot:
                    next(self.cube)
                free = self.freed[slot]
            self.opened += 1
        moves = [model.store_w(tile, self.opened <= plan["SLOTS"])]
        lifted = max(free, self.v.free)
        done = self.inwards.run(self.mte3, lifted, moves, 2 * self.alike, True)
        self.stored.append(done)
        self.filled += [done + model.costs.flag] * tile.closes

    def _scale(self, panel: int) -> None:
        """lift: all tiles of sums of a panel, to C."""
        model, half = self.model, self.panels[panel] // 2
        self.inwards.run(self.load, 0.0, [model.scales(half)], 2 * self.alike)
        taken, left = [0.0, 0.0], [0.0, 0.0]
        for rows in parts(self.group.rows, model.plan["TILE_M"]):
            tile = len(self.taken)
            while len(self.summed) <= tile:
                next(self.cube)
            self.load.wait(self.summed[tile])
            for block in parts(rows, model.plan["SCALE_ROWS"]):
                moves = [model.load_sums(block, half)]
                there = self.across.run(self.load, taken[-2], moves, 2 * self.alike)
                first, second = model.scale_rounds(block, half)
                taken.append(self.v.run(there, None, first))
                scaled = self.v.run(left[-2], None, second)
                moves = [model.store_c(block, half)]
                left.append(self.across.run(self.mte3, scaled, moves, 2 * self.alike))
            self.taken.append(self.load.end + model.costs.flag)

    # --- cube core

    def _cube(self) -> Iterator[None]:
        """The cube core, a chunk of a row tile at a time."""
        plan, flag = self.model.plan, self.model.costs.flag
        filled = tile = 0
        for panel, cols in enumerate(self.panels):
            for index, rows in enumerate(parts(self.group.rows, plan["TILE_M"])):
                for chunk, kc in enumerate(self.chunks):
                    if index == 0:
                        self.fetch.wait(self.filled[filled])
                        filled += 1
                    acc = 0.0 if chunk else self.acc_free[tile % plan["ACCS"]]
                    self._chunk((rows, cols), chunk * plan["CHUNK"], kc, panel, acc)
                    if plan["STREAM"]:
                        self.freed.append(self.fetch.end + flag)
                    yield
                self._hand_over(rows, cols, tile)
                tile += 1
                if index == cdiv(self.group.rows, plan["TILE_M"]) - 1 and not plan["STREAM"]:
                    self.freed.append(self.fetch.end + flag)
                yield

    def _chunk(self, size: tuple[int, int], k: int, kc: int, panel: int, acc: float) -> None:
        """MTE2, MTE1 and M for a chunk of a tile of ``size`` = (rows, columns)."""
        model, of = self.model, self.model.costs.of
        to_l0, mmad = of("load_l1_l0a", "b16"), of("mmad", "bf16")
        moves = model.fetch(*size, k, kc, panel == 0)
        there = self.across.run(self.fetch, self.a_free[-2], moves, self.alike)
        before = self.m.free
        for kt in parts(kc, model.plan["STEP_L0"]):
            moved, made = model.step(*size, kt)
            loaded = self.mte1.run(max(there, self.l0_free[0]), to_l0, moved)
            product = self.m.run(max(loaded, acc), mmad, made)
            self.l0_free = [self.l0_free[1], product]
        self.a_free.append(self.mte1.end)
        self.last = self.m.free - max(before, there)

    def _hand_over(self, rows: int, cols: int, tile: int) -> None:
        """FIX: a tile of C, or of sums when their place is free."""
        model, acc = self.model, tile % self.model.plan["ACCS"]
        if model.lift and tile >= 2:
            self.fix.wait(self.taken[tile - 2])
        moves = [model.store_tile(rows, cols)]
        self.acc_free[acc] = self.across.run(self.fix, self.m.end, moves, self.alike)
        self.summed.append(self.fix.end + model.costs.flag)
