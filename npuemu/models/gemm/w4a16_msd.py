"""gemm_w4a16_msd on a machine with MX formats: the cube side of `cube_gemm` with A in two parts,
which the vector cores split phase by phase; see `docs/models.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial

from npuemu.models.gemm.cube import MXFP4, CubeGemm
from npuemu.models.gemm.panels import COLUMN, SCALES
from npuemu.models.parts import scalar
from npuemu.models.parts.estimate import SCALED, Estimate, cdiv, parts
from npuemu.models.parts.plan import Plan
from npuemu.models.quantize.mx import split_unit
from npuemu.models.sharing.pipe import Memory, Move, Pipe


@dataclass(frozen=True)
class GemmW4A16Msd(CubeGemm):
    """The model for one plan."""

    @property
    def parts_of_a(self) -> int:
        """High and low."""
        return 2

    @property
    def step_columns(self) -> int:
        """A step is a K tile."""
        return self.plan["msd_tile_k"]

    @property
    def new_a(self) -> bool:
        """The vector cores have written it."""
        return False

    def place(self, tile: int) -> tuple[int, int]:
        """Along the rows of C, phase by phase."""
        return divmod(tile, self.plan["gemm_n_tiles"])

    def traffic(self) -> dict[str, tuple[int, int]]:
        """As `CubeGemm`, and both parts of A are written once."""
        moved = super().traffic()
        (codes, _), (scales, _) = moved["A"], moved["A_scale"]
        once = self.plan["M"] * self.columns
        del moved["A_scale"]
        parts_of_a = {
            f"A_{part}{name}": (read, unit * once)
            for part in ("high", "low")
            for name, read, unit in (("", codes, COLUMN), ("_scale", scales, SCALES))
        }
        return moved | parts_of_a | {"A": (2 * self.plan["M"] * self.plan["K"], 0)}

    # --- vector cores

    @cached_property
    def _phases(self) -> list[int]:
        """Rows of every phase."""
        return list(parts(self.plan["M"], self.plan["msd_phase_rows"]))

    @cached_property
    def _busy(self) -> float:
        """Share of HBM that the cube cores take in their first round: half of it at most, since
        two that both wait for it take turns.
        """
        first = next(self._rounds())
        fresh = self._memory(first, 0)["HBM"]
        return min(0.5, fresh / self._pace(first[0], 0)["pace"])

    def _units(self) -> Iterator[tuple[int, int]]:
        """(phase, elements) of the units of a vector core that has most."""
        size, step = self.plan["quantize_unit"], 2 * self.plan.blocks * self.plan["quantize_unit"]
        for phase, rows in enumerate(self._phases):
            count = rows * self.plan["K"]
            yield from ((phase, min(size, count - at)) for at in range(0, count, step))

    @cached_property
    def _ready(self) -> list[float]:
        """When the cube cores see each phase: a flag among the vector cores, then one to them."""
        units, ready = list(self._units()), [math.inf] * len(self._phases)
        memory, flag = Memory(self.costs), self.costs.flag
        load, v, store = Pipe(scalar.SPLIT_W4A16), Pipe(), Pipe()
        loaded: list[float] = []
        split, left = [0.0, 0.0], [0.0, 0.0]
        vconv = self.costs.of("vconv", "bf16_e2m1", "rint")

        def cores(phase: int) -> float:
            count = cdiv(self._phases[phase] * self.plan["K"], self.plan["quantize_unit"])
            alike = min(count, 2 * self.plan.blocks)
            return alike if v.free < ready[0] else alike / (1 - self._busy)

        def ask(index: int) -> None:
            for phase, elements in units[index : index + 1]:
                moves = [self._move("mov_gm_ub", 2 * elements)]
                loaded.append(memory.run(load, split[index], moves, cores(phase)))

        ask(0)
        ask(1)  # two inputs have room
        for i, (phase, elements) in enumerate(units):
            split.append(v.run(max(loaded[i], left[i]), vconv, self._split(elements)))
            ask(i + 2)  # in front of the codes of this one
            sizes = 2 * [elements // 2, elements // SCALED]
            stores = [self._move("mov_ub_gm", size) for size in sizes]
            left.append(memory.run(store, split[-1], stores, cores(phase)))
            if i + 1 == len(units) or units[i + 1][0] > phase:
                ready[phase] = left[-1] + 2 * flag
                store.free = left[-1] + flag
        return ready

    def _move(self, name: str, size: int) -> Move:
        """A transfer of new lines."""
        cost = self.costs.gm(name)
        return Move(cost, cost.bytes_work(size, size), size, size)

    @cached_property
    def _split(self) -> Callable[[int], int]:
        """V on a unit of so many elements."""
        return cache(partial(split_unit, self.plan))

    def ready(self, tile: int) -> float:
        """When the codes of the tile's phase are there."""
        return self._ready[tile // self.plan["msd_phase_of"]]

    def meanwhile(self, start: float, end: float) -> float:
        """A, and its codes and scales, of the phases that are split between two times."""
        before, total = 0.0, 0.0
        for rows, ready in zip(self._phases, self._ready, strict=True):
            done = ready - 2 * self.costs.flag
            share = max(0.0, min(end, done) - max(start, before)) / (done - before)
            total += share * rows * (2 * self.plan["K"] + 2 * self.row_bytes)
            before = done
        return total


def estimate(plan: Plan) -> Estimate:
    """What the kernel takes."""
    return GemmW4A16Msd(plan, MXFP4).estimate()
