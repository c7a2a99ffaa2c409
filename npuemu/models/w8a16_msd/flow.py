"""A core group's way through gemm_w8a16_msd, unit by unit of rows and step by step of products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from npuemu.models.parts import scalar
from npuemu.models.parts.estimate import cdiv, parts
from npuemu.models.sharing.pipe import GroupPipes, Memory

if TYPE_CHECKING:
    from npuemu.models.w8a16_msd.model import GemmW8A16Msd


@dataclass
class MsdFlow(GroupPipes):
    """The widest core group; of its vector cores the first, which has most units and most rows.

    Times are cycles from the start of the run.
    """

    model: GemmW8A16Msd
    released: list[float] = field(default_factory=lambda: [0.0, 0.0])  # bf16 pieces
    ready: list[float] = field(default_factory=list)  # phases, as the cube core sees it
    full: list[float] = field(default_factory=list)  # tiles, as the vector cores see it
    free: list[float] = field(default_factory=list)  # tiles' places, as FIX sees it
    stored: list[float] = field(default_factory=lambda: [0.0, 0.0])  # blocks of C

    def __post_init__(self) -> None:
        model, plan = self.model, self.model.plan
        self.cols = max(model.columns)
        self.alike = sum(model.columns) / self.cols  # groups
        self.cores = 2 * plan.blocks  # that split
        self.memory = Memory(model.costs, scalar.W8A16_MSD, scalar.W8A16_MSD)
        self.codes_left = 0.0
        self.dispatched = 0.0  # S has come to the next unit
        self.cube = self._cube()

    def run(self) -> float:
        """Follow all phases; the end of the run."""
        model, plan, flag = self.model, self.model.plan, self.model.costs.flag
        self.hold(scalar.W8A16_MSD)
        next(self.cube)  # asks for its first chunk of W before the vector cores have prepared UB
        tiles = list(parts(self.cols, plan["NT"]))
        for phase in range(len(model.phases) + 1):
            rows = model.phases[phase] if phase < len(model.phases) else 0
            units = cdiv(cdiv(rows, plan["R"]), self.cores)
            beside = tiles if phase else tiles[:1]
            quota = cdiv(units, len(beside))
            for index, cols in enumerate(beside):
                for _ in range(max(0, min(quota, units - index * quota))):
                    self._split()
                if index == len(beside) - 1 and rows:
                    self.mte3.wait(self.mte3.end + flag)
                    self.ready.append(self.mte3.after + flag)
                if phase:
                    self._combine(model.phases[phase - 1], cols)
        return self.end

    # --- vector cores

    def _split(self) -> None:
        """A unit: rows of A from GM, codes and scales to GM."""
        model, plan, vector = self.model, self.model.plan, self.model.vector
        rows, widths = plan["R"], list(parts(plan["K"], plan["PIECE"]))
        for width in widths:
            self._piece(rows, width, vector.maxima(rows, width), again=False)
            if len(widths) > 1:
                self.released.append(self.v.end)
        self.v.run(0.0, vector.edge, vector.scales(rows))
        for index, width in enumerate(widths):
            if len(widths) > 1:
                self._piece(rows, width, vector.reload(rows, width), again=True)
            self.v.run(0.0, vector.edge, vector.high(rows, width))
            done = self.v.run(self.codes_left, vector.edge, vector.low(rows, width))
            self.released.append(done)
            moves = model.store_codes(rows, width, index == 0)
            self.codes_left = self.memory.run(self.mte3, done, moves, self.cores)

    def _piece(self, rows: int, width: int, work: int, again: bool) -> None:
        """A piece of rows of A into UB, and V's first work on it."""
        moves = [self.model.load_rows(rows, width, again)]
        free = max(self.released[-2], self.dispatched)
        loaded = self.memory.run(self.load, free, moves, self.cores, burst=True)
        self.v.run(loaded, self.model.vector.edge, work)

    def _combine(self, rows: int, cols: int) -> None:
        """This core's rows of the tile that is next."""
        model, alike = self.model, 2 * self.alike
        tile = len(self.free)
        while len(self.full) <= tile:
            next(self.cube)
        self.load.wait(self.full[tile])
        for block in model.blocks(max(model.shares(rows))):
            moves, left = model.load_products(block, cols), self.stored[-2]
            there = self.memory.run(self.load, left, moves, alike, burst=True)
            work, last = model.vector.combine(block, cols)
            joined = self.v.run(there, model.vector.edge, work)
            if model.on_chip:  # V's queue, full of short instructions, holds S until then
                self.dispatched = self.v.free - last
            moves = [model.store_c(block, cols)]
            self.stored.append(self.memory.run(self.mte3, joined, moves, alike, burst=True))
        taken = self.mte3.end if model.on_chip else self.load.end
        self.free.append(taken + model.costs.flag)

    # --- cube core

    def _cube(self) -> Iterator[None]:
        """The cube core, a tile at a time."""
        model, plan = self.model, self.model.plan
        chunks = list(accumulate(parts(plan["K"], plan["KC"]), initial=0))
        self.w_free, self.a_free = [0.0] * 2, [0.0] * plan["ASLOTS"]
        self.h_free = self.l_free = 0.0
        self.acc_free = [0.0] * (2 * plan["PAIRS"])
        self.first_w = self._load_w(0, min(self.cols, plan["NT"]), 0)
        yield
        for phase, rows in enumerate(model.phases):
            for index, cols in enumerate(parts(self.cols, plan["NT"])):
                for k, end in zip(chunks, chunks[1:], strict=False):
                    self._chunk((phase, index), rows, cols, k, end)
                self._hand_over(rows, cols)
                yield

    def _chunk(self, place: tuple[int, int], rows: int, cols: int, k: int, end: int) -> None:
        """MTE2, MTE1 and M for the chunk ``k`` .. ``end`` of tile ``place[1]`` of a phase."""
        model, (kept_a, kept_w) = self.model, self.model.kept
        (phase, tile), slots = place, model.plan["ASLOTS"]
        w_there, load_w = self.first_w, phase == 0 or k >= kept_w
        if load_w and place + (k,) != (0, 0, 0):
            w_there = self._load_w(phase, cols, k)
        if k == 0 and tile == 0:
            self.fetch.wait(self.ready[phase])
            if model.plan["PHASED"]:
                self.fetch.wait(self.mte1.end)
            # All cores come to a phase at the same time: none has left bandwidth to others.
            self.memory.hold(self.fetch.starts(self.a_free[-slots]))
        for start in range(k, end, model.plan["KS"]):
            ks = min(model.plan["KS"], end - start)
            loads = tile == 0 or start >= kept_a
            there = 0.0
            if loads:
                there = self.memory.run(
                    self.fetch, self.a_free[-slots], model.load_codes(rows, ks), self.alike, True
                )
            self._step(rows, cols, (start, ks), max(w_there, there))
            if loads:
                self.a_free.append(self.mte1.end)
        if load_w:
            self.w_free.append(self.mte1.end)

    def _load_w(self, phase: int, cols: int, k: int) -> float:
        """The chunk of W at ``k``; when it is there."""
        move = self.model.load_w(cols, k, phase == 0)
        return self.memory.run(self.fetch, self.w_free[-2], [move], self.alike)

    def _step(self, rows: int, cols: int, place: tuple[int, int], ready: float) -> None:
        """W, h and l of ``place`` = (k, length) to L0, and a product of each with W."""
        of, (k, ks) = self.model.costs.of, place
        to_b, to_a, mmad = of("load_l1_l0b", "b8"), of("load_l1_l0a", "b8"), of("mmad", "s8")
        a, w, product = self.model.step(rows, cols, ks)
        first = 2 * (len(self.full) % self.model.plan["PAIRS"])
        self.mte1.run(ready, to_b, w)
        loaded = self.mte1.run(self.h_free, to_a, a)
        self.h_free = self.m.run(max(loaded, 0.0 if k else self.acc_free[first]), mmad, product)
        loaded = self.mte1.run(self.l_free, to_a, a)
        self.l_free = self.m.run(max(loaded, 0.0 if k else self.acc_free[first + 1]), mmad, product)

    def _hand_over(self, rows: int, cols: int) -> None:
        """FIX: both products of the tile, when their place with the vector cores is free."""
        model, ring, tile = self.model, self.model.plan["RING"], len(self.full)
        first = 2 * (tile % model.plan["PAIRS"])
        if tile >= ring:
            self.fix.wait(self.free[tile - ring])
        for acc, summed in ((first, self.h_free), (first + 1, self.l_free)):
            move = model.hand_over(rows, cols, tile < ring)
            self.acc_free[acc] = self.memory.run(self.fix, summed, [move], self.alike)
        self.full.append(self.fix.end + model.costs.flag)
