"""gemm_w8a16_dequant and gemm_w8a16_lift on a machine whose cores meet in GM: the vector cores turn
the weight into bf16, a ring in GM takes it to the cube core; see `docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from npuemu.errors import UserError
from npuemu.machine import Machine
from npuemu.models.cost import Costs
from npuemu.models.estimate import Estimate, Shape, align_up, cdiv, fresh_cases, parts

TILE_ROWS = 32  # rows of W of a vector tile
STEP = 64  # k of an L0 step
_PREAMBLE = 60  # scalar instructions before the first load


@dataclass(frozen=True)
class Group:
    """What a core group computes: columns of C and rows of C."""

    cols: int
    rows: int


@dataclass(frozen=True)
class GemmW8A16:
    """The model for one shape and machine; ``lift``: the scale waits for the sums."""

    shape: Shape
    machine: Machine
    lift: bool

    def __post_init__(self) -> None:
        if "ub_l1" in self.machine.features:
            raise UserError(f"no model of this kernel for {self.machine.name}")

    @cached_property
    def costs(self) -> Costs:
        """Time rows."""
        return Costs(self.machine)

    @cached_property
    def groups(self) -> list[Group]:
        """Columns are divided first, in units of 16; blocks beyond one unit each divide rows."""
        s = self.shape
        units_n, units_m = s.n // 16, cdiv(s.m, 16)
        split_n = min(s.blocks, units_n)
        split_m = min(s.blocks // split_n, units_m)
        found = []
        for row in range(split_m):
            first, last = (i * units_m // split_m * 16 for i in (row, row + 1))
            for col in range(split_n):
                units = (col + 1) * units_n // split_n - col * units_n // split_n
                found.append(Group(units * 16, min(last, s.m) - first))
        return found

    @cached_property
    def sharing(self) -> int:
        """Groups that read the same rows of A at the same time."""
        return min(self.shape.blocks, self.shape.n // 16)

    @cached_property
    def tall(self) -> bool:
        """Tiles of 256 x 128 instead of 128 x 256."""
        s = self.shape
        split_m = max(1, len(self.groups) // self.sharing)
        return min(s.m, cdiv(cdiv(s.m, 16), split_m) * 16) > 128

    @cached_property
    def tile_m(self) -> int:
        """Rows of an accumulator tile."""
        return 256 if self.tall else 128

    @cached_property
    def tile_n(self) -> int:
        """Columns of a panel."""
        widest = cdiv(self.shape.n // 16, self.sharing) * 16
        return align_up(cdiv(widest, cdiv(widest, 128 if self.tall else 256)), 16)

    @cached_property
    def chunk(self) -> int:
        """Columns of k that go from core to core at once."""
        k = self.shape.k
        return align_up(cdiv(k, cdiv(k, 256)), 32)

    def _chunks(self) -> Iterator[int]:
        return parts(self.shape.k, self.chunk)

    def traffic(self) -> dict[str, tuple[int, int]]:
        """W once, its bf16 form written once and read once a row tile, A once a panel, C once."""
        k = self.shape.k
        total = dict.fromkeys(("A", "W", "w_scale", "C", "W_bf16", "sums"), (0, 0))
        for g in self.groups:
            panels, tiles = cdiv(g.cols, self.tile_n), cdiv(g.rows, self.tile_m)
            weight, out = g.cols * k, g.rows * g.cols
            moved = {
                "A": (2 * g.rows * k * panels, 0),
                "W": (weight, 0),
                "w_scale": (4 * g.cols, 0),
                "C": (0, 2 * out),
                "W_bf16": (2 * weight * tiles, 2 * weight),
                "sums": (4 * out, 4 * out) if self.lift else (0, 0),
            }
            total = {n: (total[n][0] + r, total[n][1] + w) for n, (r, w) in moved.items()}
        return total if self.lift else {n: v for n, v in total.items() if n != "sums"}

    # --- vector cores

    def _cast(self, rows: int) -> int:
        """V: one tile of ``rows`` rows, a steady state: two rounds with a barrier (lift: one)."""
        of, full = self.costs.of, rows * self.chunk
        narrow, wide = of("vconv", "s8_f16", "none"), of("vconv", "f16_f32", "none")
        out, mul = of("vconv", "f32_bf16", "rint"), of("vmul", "f32")
        casts = narrow.work(full // 128) + wide.work(full // 64) + out.work(full // 64)
        if self.lift:
            return narrow.head + casts + out.tail
        spread = of("vbrcb", "b32").work(max(1, rows // 8)) * (2 if self.chunk >= 128 else 1)
        scaled = cdiv(self.chunk, 64) * mul.work(rows)
        return narrow.head + wide.head + casts + scaled + spread + mul.tail + out.tail

    def _scale_block(self, rows: int, cols: int) -> int:
        """A block of sums on a vector core of lift: its load, since the rest runs beside it."""
        load = self.costs.gm("mov_gm_ub")
        bursts = rows if cols < self.tile_n else 1
        return load.head + load.bytes_work(rows * cols * 4, 0, bursts)

    def _scale_tile(self, rows: int, half: int) -> int:
        """All blocks of half a tile of sums."""
        block = 32 // cdiv(self.tile_n // 2, 64)
        return sum(self._scale_block(r, half) for r in parts(rows, block))

    def _vector(self, g: Group) -> int:
        """V of one vector core of a group: all tiles of its half of every panel."""
        chunks = cdiv(self.shape.k, self.chunk)
        total = 0
        for cols in parts(g.cols, self.tile_n):
            total += chunks * sum(self._cast(rows) for rows in parts(cols // 2, TILE_ROWS))
            if self.lift:
                total += sum(
                    self._scale_tile(rows, cols // 2) for rows in parts(g.rows, self.tile_m)
                )
        return total

    # --- cube core

    def _load(self, rows: int, columns: int, fresh: bool) -> int:
        """MTE2: a chunk of A or of the ring."""
        size = rows * columns * 2
        return self.costs.gm("nd2nz_gm_l1").bytes_work(size, size if fresh else 0, rows)

    def _chunk(self, rows: int, cols: int, kc: int) -> tuple[int, int]:
        """(MTE1, M) cycles of a chunk of one tile."""
        of = self.costs.of
        a, b, mmad = of("load_l1_l0a", "b16"), of("load_l1_l0b", "b16"), of("mmad", "bf16")
        mf, nf = cdiv(rows, 16), cols // 16
        moved = made = 0
        for step in parts(kc, STEP):
            moved += a.work(mf * step // 16) + b.work(nf * step // 16)
            made += mmad.work(mf * nf * step // 16)
        return moved, made

    def _store(self, rows: int, cols: int) -> int:
        """FIX: one tile, from the end of its last product to the first product of the next one
        where there is one accumulator only.
        """
        conv, size = ("none_b32", 4) if self.lift else ("f32_bf16", 2)
        fix, mmad = self.costs.gm("fix_l0c_gm", conv), self.costs.of("mmad", "bf16")
        return mmad.tail + fix.head + fix.bytes_work(rows * cols * size) + fix.tail + mmad.head

    def _cube(self, g: Group) -> dict[str, float]:
        """A group's cube core: its pipes, and the pace chunk by chunk with the stores between."""
        sums = {"cube MTE2": 0.0, "MTE1": 0.0, "M": 0.0, "pace": 0.0}
        accumulator = align_up(min(g.rows, self.tile_m), 16) * self.tile_n * 4
        single = 2 * accumulator > self.machine.capacity["L0C"]
        for panel, cols in enumerate(parts(g.cols, self.tile_n)):
            for rows in parts(g.rows, self.tile_m):
                sums["pace"] += self._store(rows, cols) if single else 0
                for kc in self._chunks():
                    moved, made = self._chunk(rows, cols, kc)
                    sums["MTE1"] += moved
                    sums["M"] += made
                    for weight, (fresh,) in fresh_cases(1 / self.sharing if panel == 0 else 0.0):
                        load = self._load(rows, kc, fresh) + self._load(cols, kc, False)
                        sums["cube MTE2"] += weight * load
                        sums["pace"] += weight * max(load, moved, made)
        return sums

    # --- all of it

    def _memory(self, moved: dict[str, tuple[int, int]]) -> dict[str, int]:
        """Shared bandwidth: every byte at L2, first touches at the memory; the ring's first lap."""
        s = self.shape
        stream = max(g.rows for g in self.groups) <= self.tile_m
        slot = 3 * self.chunk if stream else 2 * s.k
        ring = sum(min(2 * self.tile_n * slot, 2 * g.cols * s.k) for g in self.groups)
        fresh = 2 * s.m * s.k + s.n * s.k + 4 * s.n + 2 * s.m * s.n + ring
        return {
            "L2": cdiv(sum(r + w for r, w in moved.values()), self.costs.l2),
            "HBM": cdiv(fresh, self.costs.hbm),
        }

    def _hand_over(self, g: Group) -> int:
        """The last tile that the vector cores finish: to GM, the flag, and into L1."""
        store, load = self.costs.gm("mov_ub_gm"), self.costs.gm("nd2nz_gm_l1")
        cols = min(self.tile_n, g.cols)
        rows = min(TILE_ROWS, cols // 2)
        out = store.head + store.bytes_work(rows * self.chunk * 2) + store.tail
        return (
            out
            + self.costs.flag
            + max(load.row.isolated or 0, load.head + self._load(cols, self.chunk, False))
        )

    def _first(self, g: Group) -> int:
        """Until the first product: the first chunk's tiles through V, and the hand-over."""
        load = self.costs.gm("mov_gm_ub")
        half = min(self.tile_n, g.cols) // 2
        rows = min(TILE_ROWS, half)
        piece = rows * self.chunk
        through = (cdiv(half, TILE_ROWS) + (2 if self.lift else 1)) * self._cast(rows)
        return _PREAMBLE + load.head + load.bytes_work(piece, piece, rows) + through

    def _last(self, g: Group) -> int:
        """Behind the last product: the store, and for lift the scaling of the last tile."""
        cols = min(self.tile_n, g.cols)
        rows = (g.rows - 1) % self.tile_m + 1
        end = self._store(rows, cols)
        if self.lift:
            store = self.costs.gm("mov_ub_gm")
            end += self.costs.flag + self._scale_tile(rows, cols // 2) + store.head
        return end

    def estimate(self) -> Estimate:
        """The slower of vector and cube cores, with the way of the first or last chunk from one
        to the other; no faster than the memories.
        """
        group = max(self.groups, key=lambda g: g.cols * g.rows)
        cube, vector = self._cube(group), self._vector(group)
        moved = self.traffic()
        memory = self._memory(moved)
        _, product = self._chunk(min(group.rows, self.tile_m), self.tile_n, self.chunk)
        edges = self._first(group) + self._hand_over(group) + self._last(group)
        one = self._cast(TILE_ROWS)
        # The vector cores' own time holds their first tiles, the cube core's its last chunk.
        pace = max(vector - one + product, round(cube["pace"]), *memory.values())
        terms = {name: round(cube[name]) for name in ("cube MTE2", "MTE1", "M")}
        return Estimate(edges + pace, moved, terms | {"V": vector} | memory)
