"""gemm_w4a16_lift: MXFP4 weights become bf16, scale included, on their way into the ring in L1; see
`docs/models.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from npuemu.models.estimate import cdiv, new_lines
from npuemu.models.l1_ring import Ring, Tile
from npuemu.models.pipe import Move
from npuemu.models.vector_program import VectorProgram, steady

SCALED = 32  # weights of a scale


@dataclass(frozen=True)
class LiftW4Ring(Ring):
    """The model for one plan."""

    @property
    def buffers(self) -> int:
        """Tiles of codes."""
        return 2

    def weights(self, tile: Tile) -> list[Move]:
        """Scales of a span of k, all rows of the half, in front of its first tile; codes."""
        span, moves = self.plan["SPAN"], []
        if tile.at == 0 and tile.k % span == 0:
            first, last = tile.k // SCALED, min(self.plan["K"], tile.k + span) // SCALED
            moves.append(self.rows_of(tile.half, first, last, self.plan["K"] // SCALED))
        last = (tile.k + tile.kc) // 2
        return [*moves, self.rows_of(tile.rows, tile.k // 2, last, self.plan["K"] // 2)]

    def rows_of(self, rows: int, first: int, last: int, pitch: int) -> Move:
        """MTE2: bytes ``first`` .. ``last`` of rows that are ``pitch`` bytes."""
        rules, load = self.plan.machine.file.global_memory, self.costs.gm("mov_gm_ub")
        size, bursts = rows * (last - first), 1 if last - first == pitch else rows
        aligned = first % rules.align.value == 0 and (bursts == 1 or pitch % rules.align.value == 0)
        line = rules.line.value
        fresh = line * new_lines(pitch, first, last - first, rows, line)
        work = load.bytes_work(size, fresh, bursts, aligned)
        return Move(load, work, max(size, bursts * load.burst), fresh)

    def traffic(self) -> dict[str, tuple[int, int]]:
        """The GEMM's, and the scales with the weights."""
        moved = self.gemm_traffic(4)
        return moved | {"W_scale": (moved["W"][0] // (SCALED // 2), 0)}

    # --- V

    @cached_property
    def _lifts(self) -> dict[Tile, tuple[int, int]]:
        return {}

    def lift(self, tile: Tile) -> tuple[int, int]:
        """Scales where a span or a group of k begins, casts, and products in place."""
        if tile not in self._lifts:
            cast = steady(self.plan, lambda v: self._cast(v, tile))
            scaled = steady(self.plan, lambda v: self._scale(v, tile))
            self._lifts[tile] = cast, cast + scaled
        return self._lifts[tile]

    def _cast(self, v: VectorProgram, tile: Tile) -> None:
        """Scales to bf16, 16 of a row in a block; a block for each scale of a group of k; codes, a
        row of a part a repeat, to 8 columns of NZ.
        """
        plan = self.plan
        if tile.at == 0 and tile.k % plan["SPAN"] == 0:
            blocks = plan["SPAN_SCALES"] // 16
            to = replace(v.at("scales"), step=32, blocks=blocks, pitch=32 * plan["HALF"])
            v.do("vconv.e8m0_bf16.none", tile.half, to, v.at("codes", 0, plan["WIDTH"]))
        if tile.k % plan["GROUP"] == 0:
            group = tile.k % plan["SPAN"] // plan["GROUP"]
            scales = v.at("scales", 32 * (group * plan["HALF"] + tile.at), 16)
            v.do("vbrcb.b16", 2 * tile.rows, v.at("spread", 512 * tile.at), scales)
        for part in range(cdiv(tile.kc, plan["PART"])):
            to = v.at("nz_at", plan["LEAD"] + part * plan["PART_STEP"])
            to = replace(to, step=32, pitch=32 * plan["PITCH"])
            codes = replace(v.at("w4", part * plan["PART_BYTES"]), step=plan["ROW"], blocks=2)
            v.do("vconv.e2m1_bf16.none", tile.rows, to, codes)

    def _scale(self, v: VectorProgram, tile: Tile) -> None:
        """Column by column, 8 rows a repeat; a column of scales serves two of them."""
        plan = self.plan
        for column in range(tile.kc // plan["COLUMN"]):
            part, inside = divmod(column, 8)
            at = plan["LEAD"] + part * plan["PART_STEP"] + inside * plan["PITCH"] * 32
            weights = v.at("nz_at", at)
            v.do("vmul.bf16", tile.rows // 8, weights, weights)
