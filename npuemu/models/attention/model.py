"""Flash attention: steps stream through loads, scores, softmax, weighted values and update; the
slowest of them, or the way round from core to core, sets the pace of a step; see `docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from npuemu.models.attention.cube import Cube
from npuemu.models.attention.lift import LiftVector
from npuemu.models.attention.split import SplitVector
from npuemu.models.attention.steps import Step, all_steps, block_items, step_traffic
from npuemu.models.attention.vector import Vector
from npuemu.models.parts import scalar
from npuemu.models.parts.estimate import Estimate, cdiv
from npuemu.models.parts.plan import Plan
from npuemu.models.parts.vector import VectorPipe
from npuemu.models.sharing.queueing import slower

_TURN = 6  # all rings of two or three slots stand as before after so many steps


@dataclass(frozen=True)
class Soft:
    """V of a core for one step: cycles of the softmax, those of them until its weights are out, of
    the update of O, of the keys that it makes for the cube core, and of all that it makes for it.
    """

    softmax: int
    weights: int
    update: int
    keys: int
    made: int

    @property
    def all(self) -> int:
        """All of the step."""
        return self.softmax + self.update + self.made


@dataclass(frozen=True)
class Block:
    """What one block does: cycles by resource and at the slowest one's pace; edges; bytes at L2 and
    of lines touched first.
    """

    terms: dict[str, float]
    pace: float
    edges: float
    moved: float
    fresh: float


@dataclass(frozen=True)
class Attention:
    """The model of one launch."""

    plan: Plan

    def __getitem__(self, name: str) -> int:
        return self.plan[name]

    @cached_property
    def cube(self) -> Cube:
        """Everything but V."""
        return Cube(self.plan)

    @cached_property
    def steps(self) -> list[list[Step]]:
        """Steps by item."""
        return all_steps(self.plan)

    @cached_property
    def _traffic(self) -> dict[Step, dict[str, tuple[int, int]]]:
        return {}

    @cached_property
    def _found(self) -> dict[tuple[Step, int], dict[str, float]]:
        return {}

    @cached_property
    def _scalar(self) -> dict[tuple[Step, int], tuple[float, float]]:
        return {}

    @cached_property
    def _soft(self) -> dict[tuple[Step, int, int], Soft]:
        return {}

    def soft(self, step: Step, n: int, core: int) -> Soft:
        """V of a step with number ``n``."""
        key = (replace(step, new=1.0), n % _TURN, core)
        if key not in self._soft:
            v = self.vector(core)
            v.softmax(step, n)
            softmax = v.pipe.free
            v.update(step, n)
            update = v.pipe.free - softmax
            v.prepare(step)
            before = softmax + update
            keys = max(0, v.keys_made - before)
            self._soft[key] = Soft(softmax, v.rounded, update, keys, v.pipe.free - before)
        return self._soft[key]

    def vector(self, core: int) -> Vector:
        """V of a core, at its own zero."""
        kind = SplitVector if self["SPLIT"] else LiftVector if self["LIFTED"] else Vector
        return kind(self.plan, core, VectorPipe(self.plan, running=True))

    def scalar(self, step: Step, core: int) -> tuple[float, float]:
        """The scalar unit of a vector core: cycles of a step, and for how long V waits while it
        writes a mask line by line: what that takes longer than the instructions that are queued
        already, and than a queue full of lines.
        """
        key = (replace(step, new=1.0), core)
        if key not in self._scalar:
            self._scalar[key] = self._scalar_work(step, core)
        return self._scalar[key]

    def _scalar_work(self, step: Step, core: int) -> tuple[float, float]:
        v, die = self.vector(core), self.plan.machine.file.die
        load = self.plan.machine.file.scalar.load_global.value
        made, lines = v.hide(step)
        before = replace(step, row0=0, offset=step.keys, first=False, last=False)
        v.softmax(before, 0)
        v.update(before, 0)
        v.prepare(before)
        lengths = (2 if self["PAIRED"] else 3) * load if self["CAUSAL"] else 0
        mask = lines * scalar.MASK_LINE + made * scalar.MASK_GROUP
        between = scalar.STEP_TO_MASK + (0 if self["PAIRED"] else scalar.EXCHANGE)
        whole = scalar.STEP + between + len(v.pipe.entries) + lengths + mask + step.first * load
        if not self["CAUSAL"] or lines == 0:
            return whole, 0.0
        depth = die.queue_depth.value
        late = mask + between + lengths - v.pipe.queued(depth)
        own = made * self.plan.costs.of("vdup", "b32").work(1)
        return whole, max(0.0, late - own, mask * max(0.0, 1 - depth / made) - own)

    # --- pace

    def resources(self, step: Step, n: int) -> dict[str, float]:
        """Cycles that a step takes of each pipe by itself, and of its ways from core to core."""
        key = (step, n % _TURN)
        if key not in self._found:
            self._found[key] = self._resources(step, n)
        return self._found[key]

    def _resources(self, step: Step, n: int) -> dict[str, float]:
        cube, cores = self.cube, (0, 1)
        soft = [self.soft(step, n, core) for core in cores]
        s, pv = cube.scores(step), cube.values(step)
        v = max(x.all + self.scalar(step, c)[1] for c, x in enumerate(soft))
        load = cube.cache_load(step, False) + cube.cache_load(step, True)
        found: dict[str, float] = {
            "V": v,
            "S": max(self.scalar(step, c)[0] for c in cores),
            "cube MTE2": load + cube.weights_load(step) + step.first * cube.query_load(step),
            "MTE1": s.moved + pv.moved,
            "M": s.made + pv.made,
            "FIX": s.stored + pv.stored,
            "MTE2": max(cube.loads(step, c) for c in cores),
            "MTE3": max(cube.stores(step, c) for c in cores),
        }
        found["latency"] = self.latency(step, soft)
        return found

    def latency(self, step: Step, soft: Sequence[Soft]) -> float:
        """Ways round the cores, each over the number of steps that are under way on it."""
        cube, flag = self.cube, self.plan.costs.flag
        s, pv = cube.scores(step), cube.values(step)
        found = [0.0]
        for core, x in enumerate(soft):
            out = x.weights + cube.weights_way(step, core)
            values = cube.values_way(step, core)
            # V updates O of a step behind the softmax of the next but one.
            found.append((out + values - x.softmax) / 2)
            # M takes PV of a step before the scores of the third one behind it.
            found.append((out + pv.moved + cube.scores_way(step, core)) / 3)
            if self["PAIRED"]:  # two places for scores in UB
                found.append((x.softmax + 2 * flag + s.stored) / 2)
            if self["LIFTED"]:  # keys that V makes lead; M takes their scores before PV
                keys = x.update + x.keys + cube.keys_way(step, core)
                ahead = self["LEAD"] + 1
                found.append((keys + x.softmax + cube.scores_way(step, core)) / ahead)
                found.append((keys + s.moved + values) / ahead)
        return max(found)

    # --- all of it

    def edges(self, steps: Sequence[Step], loading: bool) -> float:
        """What comes before and behind the pace; loading: it is the cube core's MTE2 that sets it.

        Before: until the first load, or until the first scores are with the vector cores. Behind:
        from the last load, or from the last weights on, what V has not done meanwhile.
        """
        before = scalar.ATTENTION + self.plan.machine.file.scalar.load_global.value
        if not steps:
            return before
        cube, last, count = self.cube, steps[-1], len(steps)
        out = self.plan.costs.gm("mov_ub_gm")
        x = self.soft(last, count - 1, 0)
        way = cube.weights_way(last, 0) + cube.values_way(last, 0)
        store = max(out.head + cube.output_store(last, 0) + out.tail, out.row.isolated or 0)
        if not loading:
            meanwhile = range(max(0, count - 3), count - 1)
            left = x.softmax - x.weights + sum(self.soft(steps[n], n, 0).update for n in meanwhile)
            return before + self._start(steps) + max(0, way - left) + store
        first = self.plan.costs.gm("nd2nz_gm_l1").head
        if self["SPLIT"]:
            first = self.soft(steps[0], 0, 0).made + cube.queries_way(steps[0], 0)
        loaded = min(2, count) * cube.cache_load(last, True)  # behind the last keys
        end = max(cube.scores_way(last, 0) + x.weights + way - loaded, cube.values_way(last, 0))
        return before + first + end + x.update + store

    def _start(self, steps: Sequence[Step]) -> float:
        """From the first load until the first scores are with the vector cores, less what V makes
        for the cube core meanwhile.
        """
        first, cube = steps[0], self.cube
        scores = cube.scores_way(first, 0)
        load = self.plan.costs.gm("mov_gm_ub")
        if self["LIFTED"]:
            made = min(self["LEAD"], len(steps) - 1) * self.soft(first, 0, 0).made
            return load.alone(0) + max(0, cube.keys_way(first, 0) + scores - made)
        nd2nz = self.plan.costs.gm("nd2nz_gm_l1")
        if self["SPLIT"]:
            return load.alone(0) + cube.queries_way(first, 0) + scores
        tile = nd2nz.head + cube.query_load(first) + cube.cache_load(first, False)
        return max(tile, nd2nz.row.isolated or 0) + scores

    def _zeros(self, step: Step) -> float:
        """An item that sees no key: zeros leave through the one place for rows of O."""
        out, zero = self.plan.costs.gm("mov_ub_gm"), self.plan.costs.of("vdup", "b32")
        size = step.half(0)[1] * self["D"] * 2
        store = max(out.head + out.bytes_work(size, size) + out.tail, out.row.isolated or 0)
        return store + zero.alone(cdiv(size, 256))

    def block(self, block: int) -> Block:
        """One block's steps in their order."""
        steps = [s for item in block_items(self.plan, block) for s in self.steps[item]]
        working = [s for s in steps if not s.empty]
        terms: dict[str, float] = {}
        pace = sum(self._zeros(step) for step in steps if step.empty)
        for n, step in enumerate(working):
            found = self.resources(step, n)
            pace += max(found.values())
            for name, cycles in found.items():
                terms[name] = terms.get(name, 0.0) + cycles
        moved = sum(sum(r + w for r, w in self.traffic(step).values()) for step in steps)
        fresh = sum(map(self.fresh, steps)) + self._laps(working)
        loading = bool(terms) and max(terms, key=lambda name: terms[name]) == "cube MTE2"
        return Block(terms, pace, self.edges(working, loading), moved, fresh)

    def _laps(self, steps: Sequence[Step]) -> float:
        """Bytes of the rings in GM that are new: their first lap."""
        rings = ("S_ring", "P_ring", "PV_ring", "lifted_k", "lifted_v")
        first = (self.traffic(step) for step in steps[: self["RING"]])
        return sum(moved[name][1] for moved in first for name in rings if name in moved)

    def traffic(self, step: Step) -> dict[str, tuple[int, int]]:
        """Bytes of a step by tensor."""
        key = replace(step, new=1.0)
        if key not in self._traffic:
            self._traffic[key] = step_traffic(self.plan, key)
        return self._traffic[key]

    def fresh(self, step: Step) -> float:
        """Bytes of lines that a step touches first: cache, queries and output."""
        element = 1 if self["LIFTED"] or self["SPLIT"] else 2
        size = 0.0 if step.empty else 2 * step.new * step.keys * self["D"] * element
        return size + (step.first + step.last) * step.rows * self["D"] * 2

    def estimate(self) -> Estimate:
        """The slowest block; no faster than the memories."""
        blocks = [self.block(b) for b in range(min(self.plan.blocks, self["ITEMS"]))]
        worst = max(blocks, key=lambda b: b.pace)
        traffic: dict[str, tuple[int, int]] = {}
        for step in (s for item in self.steps for s in item):
            for name, (read, written) in self.traffic(step).items():
                before = traffic.get(name, (0, 0))
                traffic[name] = (before[0] + read, before[1] + written)
        costs = self.plan.costs
        terms = dict(worst.terms)
        terms |= {
            "L2": sum(b.moved for b in blocks) / costs.l2,
            "HBM": sum(b.fresh for b in blocks) / costs.hbm,
        }
        cycles = worst.edges + shared(blocks, costs.l2, costs.hbm)
        return Estimate(round(cycles), traffic, {n: round(c) for n, c in terms.items()})


def shared(blocks: Sequence[Block], l2: int, hbm: int) -> float:
    """Cycles until the last block ends: while some of them run, each moves its bytes evenly over
    its own time, and all are slowed alike by the queues at L2 and at the memory.
    """
    time, before = 0.0, 0.0
    for end in sorted({b.pace for b in blocks if b.pace > 0}):
        running = [b for b in blocks if b.pace >= end]
        moved = sum(b.moved / b.pace for b in running) / len(running)
        fresh = sum(b.fresh / b.pace for b in running) / len(running)
        time += (end - before) * slower(len(running), (moved / l2, fresh / hbm))
        before = end
    return time


def estimate(plan: Plan) -> Estimate:
    """What one of the attention kernels takes."""
    return Attention(plan).estimate()
