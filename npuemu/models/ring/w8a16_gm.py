"""gemm_w8a16_dequant and gemm_w8a16_lift on a machine whose cores meet in GM: the vector cores turn
the weight into bf16, a ring in GM takes it to the cube core; see `docs/models.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from npuemu.models.parts.core_groups import Divided
from npuemu.models.parts.cost import Transfer
from npuemu.models.parts.estimate import Estimate, cdiv, parts
from npuemu.models.parts.vector import VectorPipe
from npuemu.models.ring.gm import GmFlow, Tile
from npuemu.models.sharing.pipe import Move, rows_of


@dataclass(frozen=True)
class GemmW8A16(Divided):
    """The model for one run; ``lift``: the scale waits for the sums."""

    lift: bool

    @property
    def lag(self) -> int:
        """Tiles that are cast at the same time, but for one."""
        return 2 if self.lift else 1

    def traffic(self) -> dict[str, tuple[int, int]]:
        """W once, its bf16 form written once and read once a row tile, A once a panel, C once."""
        plan, k = self.plan, self.plan["K"]
        total = dict.fromkeys(("A", "W", "w_scale", "C", "W_bf16", "sums"), (0, 0))
        for g in self.groups:
            panels, tiles = cdiv(g.cols, plan["TILE_N"]), cdiv(g.rows, plan["TILE_M"])
            weight = g.cols * k
            moved = {
                "A": (2 * g.rows * k * panels, 0),
                "W": (weight, 0),
                "w_scale": (4 * g.cols, 0),
                "C": (0, 2 * g.size),
                "W_bf16": (2 * weight * tiles, 2 * weight),
                "sums": (4 * g.size, 4 * g.size) if self.lift else (0, 0),
            }
            total = {n: (total[n][0] + r, total[n][1] + w) for n, (r, w) in moved.items()}
        return total if self.lift else {n: v for n, v in total.items() if n != "sums"}

    # --- vector cores

    def load_w(self, tile: Tile) -> Move:
        """MTE2: a tile of W; the first chunk of a line brings it."""
        load, span = self.costs.gm("mov_gm_ub"), (tile.k, tile.k + tile.kc)
        return rows_of(self.costs, load, tile.rows, span, self.plan["K"], apart=True)

    def narrow(self, rows: int) -> int:
        """V until a tile of int8 may be overwritten."""
        v = VectorPipe(self.plan)
        v.op("vconv.s8_f16.none", rows * self.plan["CHUNK"] // 128)
        return v.end

    def rounds(self, rows: int) -> list[int]:
        """V: a tile's rounds with a barrier behind each, in which the tiles before it move on."""
        chunk, whole = self.plan["CHUNK"], max(1, rows * self.plan["CHUNK"] // 64)
        narrow = ("vconv.s8_f16.none", cdiv(whole, 2), 1)
        wide, out = ("vconv.f16_f32.none", whole, 1), ("vconv.f32_bf16.rint", whole, 1)
        if self.lift:
            return [self._round(narrow, wide, out)]
        scaled = ("vmul.f32", rows, cdiv(chunk, 64))
        spread = ("vbrcb.b32", max(1, rows // 8), 2 if chunk >= 128 else 1)
        return [self._round(narrow, scaled), self._round(wide, spread, out)]

    def _round(self, *ops: tuple[str, int, int]) -> int:
        """V: instructions - names, repeats, how many - that need no barrier between them."""
        v = VectorPipe(self.plan)
        for name, repeats, times in ops:
            v.op(name, repeats, times=times)
        return v.end

    def store_w(self, tile: Tile, first_lap: bool) -> Move:
        """MTE3: a tile to the ring, whose lines are new in its first lap."""
        store, size = self.costs.gm("mov_ub_gm"), 2 * tile.rows * tile.kc
        bursts = 1 if 2 * tile.kc == self.plan["SLOT_PITCH"] else tile.rows
        aligned = bool(self.plan["STREAM"]) or 2 * tile.k % self.costs.align == 0
        fresh = size if first_lap else 0
        return Move(store, store.bytes_work(size, fresh, bursts, aligned), size, fresh)

    def scales(self, count: int) -> Move:
        """MTE2: the scales of half a panel."""
        load, size = self.costs.gm("mov_gm_ub"), 4 * count
        return Move(load, load.bytes_work(size, size), max(size, load.burst), size)

    def load_sums(self, rows: int, half: int) -> Move:
        """MTE2: a block of sums."""
        load, size = self.costs.gm("mov_gm_ub"), 4 * rows * half
        work = load.bytes_work(size, 0, rows, 4 * self.plan["TILE_N"] % self.costs.align == 0)
        return Move(load, work, max(size, rows * load.burst))

    def scale_rounds(self, rows: int, half: int) -> tuple[int, int]:
        """V: the rounds of a block of sums."""
        columns = cdiv(half, 64)
        scaled = self._round(("vmul.f32", rows, columns))
        return scaled, self._round(("vconv.f32_bf16.rint", rows, columns))

    def store_c(self, rows: int, half: int) -> Move:
        """MTE3: a block of C."""
        return self._to_c(self.costs.gm("mov_ub_gm"), rows, half)

    def _to_c(self, store: Transfer, rows: int, cols: int) -> Move:
        """``rows`` rows of ``cols`` columns of C."""
        size, align = 2 * rows * cols, self.costs.align
        even, odd = (store.bytes_work(size, size, rows, aligned) for aligned in (True, False))
        # Of addresses that are this far apart so many are aligned.
        share = gcd(2 * cols, align) / align if 2 * self.plan["N"] % align == 0 else 0.0
        return Move(store, share * even + (1 - share) * odd, max(size, rows * store.burst), size)

    # --- cube core

    def fetch(self, rows: int, cols: int, k: int, kc: int, fresh: bool) -> list[Move]:
        """MTE2: a chunk of A, which all groups of columns touch first in turn, and of the ring."""
        plan, nd2nz, align = self.plan, self.costs.gm("nd2nz_gm_l1"), self.costs.align
        size, bursts = 2 * rows * kc, 1 if kc == plan["K"] else rows
        aligned = 2 * k % align == 0 and (bursts == 1 or 2 * plan["K"] % align == 0)
        share = 1 / plan["SPLIT_N"] if fresh else 0.0
        hit, miss = (nd2nz.bytes_work(size, new, bursts, aligned) for new in (0, size))
        a = Move(nd2nz, share * miss + (1 - share) * hit, size, share * size)
        size, bursts = 2 * cols * kc, 1 if 2 * kc == plan["SLOT_PITCH"] else cols
        aligned = bool(plan["STREAM"]) or 2 * k % align == 0
        return [a, Move(nd2nz, nd2nz.bytes_work(size, 0, bursts, aligned), size)]

    def step(self, rows: int, cols: int, kt: int) -> tuple[int, int]:
        """(MTE1, M) cycles of a step."""
        a, w, made = self.costs.step("b16", "bf16", cdiv(rows, 16), cols // 16, kt // 16)
        return a + w, made

    def store_tile(self, rows: int, cols: int) -> Move:
        """FIX: a tile of C, or of sums."""
        if not self.lift:
            return self._to_c(self.costs.gm("fix_l0c_gm", "f32_bf16"), rows, cols)
        fix, size = self.costs.gm("fix_l0c_gm", "none_b32"), 4 * rows * cols
        bursts = 1 if cols == self.plan["TILE_N"] else rows
        return Move(fix, fix.bytes_work(size, 0, bursts), size)

    # --- all of it

    def _memory(self, moved: dict[str, tuple[int, int]]) -> dict[str, int]:
        """Shared bandwidth: every byte at L2, what is touched first at the memory."""
        scratch = {"W_bf16": 0, "sums": 0}
        used = sum(2 * g.cols * self.plan["K"] for g in self.groups)
        sizes = {t.name: t.nbytes for t in self.plan.program.tensors}
        fresh = sum(n for name, n in sizes.items() if name not in scratch)
        fresh += min(sizes["W_bf16"], used)
        return self.costs.memories(moved, fresh)

    def _in_turn(self) -> float:
        """L2 and the memory where chunks pass through the ring one by one: W comes in whole lines
        with every other chunk, which waits for the memory, and the one between for L2.
        """
        plan, group, total, lap = self.plan, self.busiest, 0.0, 0
        for panel, cols in enumerate(parts(group.cols, plan["TILE_N"])):
            for chunk, kc in enumerate(parts(plan["K"], plan["CHUNK"])):
                ring, tile = 2 * cols * kc, Tile(cols, chunk * plan["CHUNK"], kc, False, 0)
                lines = self.alike * self.load_w(tile).lines
                lines += 2 * plan["M"] * kc if panel == 0 else 0
                if 0 < lap <= plan["SLOTS"]:  # a chunk is stored while the next one is loaded
                    lines += self.alike * ring
                moved = self.alike * (cols * kc + 2 * ring + 2 * group.rows * kc)
                total += max(lines / self.costs.hbm, moved / self.costs.l2)
                lap += 1
            total += self.alike * (10 if self.lift else 2) * group.rows * cols / self.costs.l2
        return total

    def _begun(self) -> float:
        """L2 cycles of what the vector cores have moved when the cube core begins to read."""
        chunks = min(self.plan["K"], self.plan["BATCH"] * self.plan["CHUNK"])
        return self.alike * 3 * min(self.busiest.cols, self.plan["TILE_N"]) * chunks / self.costs.l2

    def estimate(self) -> Estimate:
        """The busiest group's way through the ring; no faster than the memories."""
        moved = self.traffic()
        flow = GmFlow(self, self.busiest)
        end, memory = flow.run(), self._memory(moved)
        terms = flow.busy | memory
        bounds = [flow.filled[0] + memory["L2"] - self._begun(), float(memory["HBM"])]
        if self.plan["STREAM"]:
            bounds.append(self._in_turn())
        return Estimate(round(max(end, max(bounds) + flow.behind)), moved, terms)
