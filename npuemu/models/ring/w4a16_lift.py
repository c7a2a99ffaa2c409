"""gemm_w4a16_lift: MXFP4 weights become bf16, scale included, on their way into the ring in L1; see
`docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property

from npuemu.models.parts.estimate import SCALED, Estimate, cdiv
from npuemu.models.parts.plan import Plan
from npuemu.models.parts.vector import VectorPipe, steady
from npuemu.models.ring.l1 import Ring, Tile
from npuemu.models.sharing.pipe import Move, rows_of


@dataclass(frozen=True)
class LiftW4Ring(Ring):
    """The model for one plan."""

    @property
    def buffers(self) -> int:
        """Tiles of codes."""
        return 2

    def weights(self, tile: Tile) -> list[Move]:
        """Scales of a span of k, all rows of the half, in front of its first tile; codes."""
        k, load, moves = self.plan["K"], self.costs.gm("mov_gm_ub"), []
        if tile.at == 0 and tile.k % self.plan["SPAN"] == 0:
            span = tile.k // SCALED, min(k, tile.k + self.plan["SPAN"]) // SCALED
            moves.append(rows_of(self.costs, load, tile.half, span, k // SCALED))
        span = tile.k // 2, (tile.k + tile.kc) // 2
        return [*moves, rows_of(self.costs, load, tile.rows, span, k // 2)]

    def traffic(self) -> dict[str, tuple[int, int]]:
        """The GEMM's, and the scales with the weights."""
        moved = self.gemm_traffic(4)
        return moved | {"W_scale": (moved["W"][0] // (SCALED // 2), 0)}

    # --- V

    def lift(self, tile: Tile) -> tuple[int, int]:
        """Scales where a span or a group of k begins, casts, and products in place."""
        return self._lifted(tile)

    @cached_property
    def _lifted(self) -> Callable[[Tile], tuple[int, int]]:
        def taken(tile: Tile) -> tuple[int, int]:
            cast = steady(self.plan, lambda v: self._cast(v, tile))
            return cast, cast + steady(self.plan, lambda v: self._scale(v, tile))

        return cache(taken)

    def _cast(self, v: VectorPipe, tile: Tile) -> None:
        """Scales to bf16, 16 of a row in a block; a block for each scale of a group of k; codes, a
        row of a part a repeat, to 8 columns of NZ.
        """
        plan = self.plan
        if tile.at == 0 and tile.k % plan["SPAN"] == 0:
            blocks = plan["SPAN_SCALES"] // 16
            to = replace(v.at("scales"), step=32, blocks=blocks, pitch=32 * plan["HALF"])
            v.op("vconv.e8m0_bf16.none", tile.half, to, v.at("codes", 0, plan["WIDTH"]))
        if tile.k % plan["GROUP"] == 0:
            group = tile.k % plan["SPAN"] // plan["GROUP"]
            scales = v.at("scales", 32 * (group * plan["HALF"] + tile.at), 16)
            v.op("vbrcb.b16", 2 * tile.rows, v.at("spread", 512 * tile.at), scales)
        for part in range(cdiv(tile.kc, plan["PART"])):
            to = v.at("nz_at", plan["LEAD"] + part * plan["PART_STEP"])
            to = replace(to, step=32, pitch=32 * plan["PITCH"])
            codes = replace(v.at("w4", part * plan["PART_BYTES"]), step=plan["ROW"], blocks=2)
            v.op("vconv.e2m1_bf16.none", tile.rows, to, codes)

    def _scale(self, v: VectorPipe, tile: Tile) -> None:
        """Column by column, 8 rows a repeat; a column of scales serves two of them."""
        plan = self.plan
        for column in range(tile.kc // plan["COLUMN"]):
            part, inside = divmod(column, 8)
            at = plan["LEAD"] + part * plan["PART_STEP"] + inside * plan["PITCH"] * 32
            weights = v.at("nz_at", at)
            v.op("vmul.bf16", tile.rows // 8, weights, weights)


def estimate(plan: Plan) -> Estimate:
    """What the kernel takes."""
    return LiftW4Ring(plan).estimate()
