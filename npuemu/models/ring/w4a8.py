"""gemm_w4a8: the vector cores turn A into MXFP8 and MXFP4 weights into e4m3 on their way into the
ring in L1; see `docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

from npuemu.models.parts.estimate import SCALED, Estimate, cdiv
from npuemu.models.parts.plan import Plan
from npuemu.models.parts.vector import VectorPipe, steady
from npuemu.models.quantize.pairs import pairs_unit
from npuemu.models.ring.l1 import Flow, Ring, Stream, Strip, Tile
from npuemu.models.sharing.pipe import Move, rows_of


@dataclass(frozen=True)
class W4A8Ring(Ring):
    """The model for one plan."""

    @property
    def buffers(self) -> int:
        """Tiles of codes, each in two copies."""
        return 2

    def types(self) -> tuple[str, str]:
        """MXFP8."""
        return "b8", "mxfp8_e4m3"

    def traffic(self) -> dict[str, tuple[int, int]]:
        """Codes and scales of A are written once; every tile of W is loaded twice."""
        plan, moved = self.plan, self.gemm_traffic(8)
        count, (codes, _) = plan["M"] * plan["K"], moved["A"]
        spans = sum(
            g.cols * cdiv(g.rows, plan["STRIP_ROWS"]) * plan["K"] // SCALED for g in self.groups
        )
        return moved | {
            "A": (2 * count, 0),
            "A_codes": (codes, count),
            "A_scale": (codes // SCALED, count // SCALED),
            "W_scale": (spans, 0),
        }

    # --- vector cores: A

    def _units(self) -> Iterator[tuple[int, int, int]]:
        """(rows, first k, columns) of the units of a vector core that has most."""
        plan = self.plan
        for unit in range(0, plan["CHUNKS"] * plan["PAIR_GROUPS"], 2 * plan.blocks):
            chunk, group = divmod(unit, plan["PAIR_GROUPS"])
            k, row = chunk * plan["CHUNK"], group * plan["PAIR_ROWS"]
            kc = min(plan["CHUNK"], plan["K"] - k)
            yield min(plan["PAIR_ROWS"], plan["M"] - row), k, kc

    def open(self, flow: Flow) -> None:
        """A's codes and scales, which all groups read; flags among the vector cores and to the
        cube cores; V clears the places of both copies before W is loaded.
        """
        k, of = self.plan["K"], self.costs.of
        load, store = self.costs.gm("mov_gm_ub"), self.costs.gm("mov_ub_gm")
        units = self.plan["CHUNKS"] * self.plan["PAIR_GROUPS"]
        cores = min(units, 2 * self.plan.blocks)
        lifted, left = [0.0, 0.0], [0.0, 0.0]
        for rows, at, kc in self._units():
            move = rows_of(self.costs, load, rows, (2 * at, 2 * (at + kc)), 2 * k)
            there = flow.inwards.run(flow.load, lifted[-2], [move], cores)
            cost = of("vconv", "f32_e4m3", "rint")
            lifted.append(flow.v.run(max(there, left[-2]), cost, self._quantized(rows * kc)))
            codes = rows_of(self.costs, store, rows, (at, at + kc), k)
            scales = rows * kc // SCALED
            some = Move(store, store.bytes_work(scales, scales), scales, scales)
            left.append(flow.inwards.run(flow.mte3, lifted[-1], [codes, some], cores))
        clear = of("vdup", "b32")
        cleared = flow.v.run(0.0, clear, clear.work(cdiv(self.plan["COPY"], 64)))
        flow.released.extend([cleared] * self.buffers)
        flow.inwards.hold(cleared)
        flow.mte3.free = left[-1] + self.costs.flag
        flow.fetch.free = flow.mte3.free + self.costs.flag
        flow.across.hold(flow.fetch.free)
        flow.quantized, flow.begin = cleared, flow.fetch.free

    def streams(self, flow: Flow, moved: dict[str, tuple[int, int]]) -> list[Stream]:
        """Behind A: the weights from then on, all that the cube cores move from READY on."""
        count, costs = self.plan["M"] * self.plan["K"], self.costs
        before = 3 * count + count // SCALED  # A, its codes and scales
        lines = sum(t.nbytes for t in self.plan.program.tensors) - before
        weights = moved["W"][0]
        rest = sum(r + w for r, w in moved.values()) - before
        return [
            Stream(flow.quantized, rest / costs.l2, lines / costs.hbm),
            Stream(flow.begin, (rest - weights) / costs.l2, 0.0),
        ]

    @cached_property
    def _quantized(self) -> Callable[[int], int]:
        """V on a unit of A of so many elements."""
        return cache(partial(pairs_unit, self.plan))

    # --- vector cores: W

    def weights(self, tile: Tile) -> list[Move]:
        """Both copies; the second finds the lines of the first."""
        load = self.costs.gm("mov_gm_ub")
        span, pitch = (tile.k // 2, (tile.k + tile.kc) // 2), self.plan["K"] // 2
        return [rows_of(self.costs, load, tile.rows, span, pitch, new) for new in (True, False)]

    def lift(self, tile: Tile) -> tuple[int, int]:
        """Its input is free at the end."""
        taken = self._lifted(tile.rows, tile.kc)
        return taken, taken

    @cached_property
    def _lifted(self) -> Callable[[int, int], int]:
        """V on a tile of so many rows and k."""
        return cache(lambda rows, kc: steady(self.plan, lambda v: self._lift(v, rows, kc)))

    def _lift(self, v: VectorPipe, rows: int, kc: int) -> None:
        """Three shifts of a copy; then a half of every column from either copy, 8 rows a repeat."""
        plan, groups = self.plan, rows // 8
        near, far = v.at("w4"), v.at("w4", plan["COPY"])
        for name, copy in (("vshl.b16", near), ("vshr.s8", near), ("vshr.s8", far)):
            v.op(name, groups * plan["NEAR"] // 32, copy, copy)
        for odd in (0, 1):
            for column in range(kc // plan["COLUMN"]):
                part, inside = divmod(column, 8)
                to = v.at("nz", part * plan["PART_STEP"] + inside * plan["PITCH"] * 32)
                at = (column + odd) % 2 * plan["COPY"] + cdiv(column + 1 - odd, 2) * 32
                codes = replace(v.at("w4", at, 8 * plan["NEAR"]), blocks=8, pitch=plan["NEAR"])
                v.op("vand.b16", groups, to, codes)

    # --- cube core

    def fetch(self, rows: int, strip: Strip, k: int, kc: int, panel: int, index: int) -> list[Move]:
        """A's codes and scales are in L2; scales of W with a strip's first chunk of a span."""
        nd2nz, all_k, span = self.costs.gm("nd2nz_gm_l1"), self.plan["K"], self.plan["SPAN"]
        scales = rows * kc // SCALED
        moves = [
            rows_of(self.costs, nd2nz, rows, (k, k + kc), all_k, fresh=False),
            Move(nd2nz, nd2nz.bytes_work(scales), max(scales, nd2nz.burst)),
        ]
        if index == 0 and k % span == 0:
            scaled, pitch = (k // SCALED, min(all_k, k + span) // SCALED), all_k // SCALED
            moves.append(rows_of(self.costs, nd2nz, strip.cols, scaled, pitch, strip.first))
        return moves

    def step(self, mf: int, nf: int, k: int, kt: int) -> tuple[int, int]:
        """With the scales of both: two bytes for 64 k of a row."""
        moved, made = super().step(mf, nf, k, kt)
        a, b, kf = self.costs.of("load_l1_l0a_mx"), self.costs.of("load_l1_l0b_mx"), kt // 64
        return moved + a.work(mf * kf * 32) + b.work(nf * kf * 32), made


def estimate(plan: Plan) -> Estimate:
    """What the kernel takes."""
    return W4A8Ring(plan).estimate()
