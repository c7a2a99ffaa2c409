"""gemm_w8a16_dequant and gemm_w8a16_lift on a machine whose vector cores reach L1: int8 weights
become bf16 on their way into the ring; see `docs/models.md`.
"""

from __future__ import annotations

from dataclasses import dataclass

from npuemu.models.parts.estimate import cdiv, parts
from npuemu.models.parts.vector import VectorPipe
from npuemu.models.ring.l1 import Flow, Ring, Sums, Tile
from npuemu.models.sharing.pipe import Move, rows_of


@dataclass(frozen=True)
class W8A16Ring(Ring):
    """What both kernels share."""

    def weights(self, tile: Tile) -> list[Move]:
        """A tile of W; lines of 512 bytes hold the k of two chunks, the first brings them."""
        load, span = self.costs.gm("mov_gm_ub"), (tile.k, tile.k + tile.kc)
        return [rows_of(self.costs, load, tile.rows, span, self.plan["K"], apart=True)]

    def traffic(self) -> dict[str, tuple[int, int]]:
        """The GEMM's, and the scales once."""
        scales = sum(4 * g.cols for g in self.groups)
        return self.gemm_traffic(8) | {"w_scale": (scales, 0)}

    def _scales(self, flow: Flow, count: int, ready: float = 0.0) -> float:
        """MTE2: the scales of a panel, whose place is free when ``ready``."""
        load = self.costs.gm("mov_gm_ub")
        move = Move(load, load.bytes_work(4 * count, 4 * count), 4 * count, 4 * count)
        return flow.inwards.run(flow.load, ready, [move], 2 * flow.alike)


@dataclass(frozen=True)
class DequantRing(W8A16Ring):
    """gemm_w8a16_dequant: the scale is multiplied into the weight."""

    @property
    def buffers(self) -> int:
        """Tiles of int8."""
        return 2

    def lift(self, tile: Tile) -> tuple[int, int]:
        """s8 -> f16, then per 64 k f16 -> f32, multiply, f32 -> bf16; a row a repeat."""
        v = VectorPipe(self.plan, running=True)
        v.op("vconv.s8_f16.none", tile.rows, times=cdiv(tile.kc, 128))
        narrow = v.free
        for name in ("vconv.f16_f32.none", "vmul.f32", "vconv.f32_bf16.rint"):
            v.op(name, tile.rows, times=cdiv(tile.kc, 64))
        return narrow, v.free

    def begin_panel(self, flow: Flow, half: int) -> None:
        """The scales' way into UB, behind the weights before them, and their broadcast."""
        spread = self.costs.of("vbrcb", "b32")
        flow.v.run(self._scales(flow, half), spread, spread.work(half // 8))


@dataclass(frozen=True)
class LiftRing(W8A16Ring):
    """gemm_w8a16_lift: the sums return to the vector cores, which multiply them by the scale."""

    @property
    def buffers(self) -> int:
        """Tiles of int8."""
        return 4

    def lift(self, tile: Tile) -> tuple[int, int]:
        """s8 -> f16 a row of 128 k a repeat, f16 -> bf16 over the NZ tile with its gaps."""
        plan, part, v = self.plan, self.plan["PART"], VectorPipe(self.plan, running=True)
        v.op("vconv.s8_f16.none", tile.rows, times=cdiv(tile.kc, part))
        narrow = v.free
        for start in range(0, tile.kc, part):
            columns = min(plan["CHUNK"] - start, part) // plan["COLUMN"]
            v.op("vconv.f16_bf16.rint", cdiv(columns * plan["PITCH"], 8))
        return narrow, v.free

    def open(self, flow: Flow) -> None:
        """V clears both NZ tiles."""
        clear = self.costs.of("vdup", "b32")
        flow.v.run(0.0, clear, 2 * clear.work(cdiv(self.plan["NZ_BYTES"], 256)))

    def begin_panel(self, flow: Flow, half: int) -> None:
        """All scales of a panel on both cores, a panel ahead of their use; there are two places."""
        self._scales(flow, 2 * half, flow.scaled[-1] if flow.scaled else 0.0)

    def traffic(self) -> dict[str, tuple[int, int]]:
        """Both vector cores read all scales of a panel."""
        scales = sum(8 * g.cols for g in self.groups)
        return super().traffic() | {"w_scale": (scales, 0)}

    def store(self, flow: Flow, sums: Sums) -> None:
        """FIX waits for the vector cores: see `_scale`."""

    def earlier(self, flow: Flow) -> None:
        """The strip before, if there is one."""
        if flow.begun > 1:
            self._scale(flow, flow.begun - 2)

    def close(self, flow: Flow) -> None:
        """The last strip."""
        self._scale(flow, flow.begun - 1)

    def _scale(self, flow: Flow, strip: int) -> None:
        """A strip's blocks of sums: L0C -> UB while a place is free, V, C to GM."""
        for sums in flow.sums_of(strip):
            for rows in parts(sums.rows, self.plan["SUM_ROWS"]):
                self._scale_block(flow, sums, rows)
            flow.acc_free[sums.acc] = flow.fix.end
        if (strip + 1) % cdiv(flow.group.rows, self.plan["STRIP_ROWS"]) == 0:
            flow.scaled.append(flow.v.end)

    def _scale_block(self, flow: Flow, sums: Sums, rows: int) -> None:
        """``rows`` rows of a row tile, half of them a core."""
        of, mine = self.costs.of, cdiv(rows, 2)
        move, taken = of("fix_l0c_ub", "none_b32"), flow.taken
        places = self.plan["SUM_BLOCKS"]
        free = taken[-places] if len(taken) >= places else 0.0
        there = flow.fix.run(max(sums.ready, free), move, move.work(rows * sums.cols * 4))
        v = VectorPipe(self.plan, running=True)
        for name in ("vmul.f32", "vconv.f32_bf16.rint"):
            v.op(name, mine, times=cdiv(sums.cols, 64))
        left = flow.stored[-2] if len(flow.stored) >= 2 else 0.0
        out = of("vconv", "f32_bf16", "rint")
        scaled = flow.v.run(max(there + self.costs.flag, left), out, v.free)
        taken.append(scaled + self.costs.flag)
        store, size = self.costs.gm("mov_ub_gm"), 2 * mine * sums.cols
        aligned = self.plan["N"] * 2 % self.costs.align == 0
        work = store.bytes_work(size, size, mine, aligned)
        moved = Move(store, work, size, mine * self.new_lines(flow, sums))
        done = flow.out.run(flow.mte3, scaled, [moved], 2 * flow.alike, burst=True)
        flow.stored.append(done)
