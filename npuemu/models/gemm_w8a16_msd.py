"""gemm_w8a16_msd on a machine whose cores meet in GM: the vector cores split the rows of a phase
while the cube core multiplies those of the phase before; see `docs/models.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from npuemu.errors import UserError
from npuemu.machine import Machine
from npuemu.models.cost import Costs
from npuemu.models.estimate import Estimate, Shape, align_up, cdiv, parts
from npuemu.models.msd_vector import combine_step, split_unit

CHUNK = 512  # k of a chunk of W in L1
_PREAMBLE = 120  # scalar instructions before the first load


@dataclass(frozen=True)
class GemmW8A16Msd:
    """The model for one shape and machine."""

    shape: Shape
    machine: Machine

    def __post_init__(self) -> None:
        if "l0c_ub" in self.machine.features:
            raise UserError(f"no model of this kernel for {self.machine.name}")

    @cached_property
    def costs(self) -> Costs:
        """Time rows."""
        return Costs(self.machine)

    @cached_property
    def columns(self) -> list[int]:
        """Columns of C of every group."""
        units, blocks = self.shape.n // 16, self.shape.blocks
        return [16 * ((i + 1) * units // blocks - i * units // blocks) for i in range(blocks)]

    @cached_property
    def tall(self) -> bool:
        """Tiles of 128 x 128 instead of 64 x 256."""
        return self.shape.m > 256 and max(self.columns) > 256

    @cached_property
    def phase_rows(self) -> int:
        """Rows of A of a phase."""
        m = self.shape.m
        return align_up(cdiv(m, cdiv(m, 128 if self.tall else 64)), 16)

    @cached_property
    def tiles(self) -> int:
        """Tiles of the widest group."""
        return cdiv(max(self.columns), 128 if self.tall else 256)

    @cached_property
    def tile_n(self) -> int:
        """Columns of a tile."""
        return cdiv(max(self.columns) // 16, self.tiles) * 16

    @cached_property
    def step(self) -> int:
        """k of a step in L0."""
        side = max(self.phase_rows, self.tile_n)
        return 512 if side <= 64 else 256 if side <= 128 else 128

    @cached_property
    def kept(self) -> tuple[int, int]:
        """k of A's codes, and of W, that stay in L1: for the next tile, or the next phase."""
        part = 2 * self.phase_rows * self.step
        slots = max(2, CHUNK // self.step)
        spare = self.machine.capacity["L1"] - 2 * self.tile_n * CHUNK - slots * part
        if self.tiles > 1:
            return min(self.shape.k, spare // part * self.step), 0
        return 0, min(self.shape.k, spare // (self.tile_n * CHUNK) * CHUNK)

    @cached_property
    def unit(self) -> int:
        """Rows that a vector core splits at once."""
        k = self.shape.k
        room = 8 if k <= 1024 else 4 if k <= 2048 else 2 if k <= 4096 else 1
        share = cdiv(self.phase_rows, 2 * self.shape.blocks)
        return min(room, 8 if share > 4 else 4 if share > 2 else share)

    @cached_property
    def block_rows(self) -> int:
        """Rows that a vector core combines at once."""
        return min(self.phase_rows // 2, 32, 4096 // self.tile_n)

    @cached_property
    def phases(self) -> list[int]:
        """Rows of every phase."""
        return list(parts(self.shape.m, self.phase_rows))

    def traffic(self) -> dict[str, tuple[int, int]]:
        """Bytes by tensor: W once a phase, codes once a tile, but for what stays in L1."""
        s = self.shape
        kept_a, kept_w = self.kept
        filled = sum(align_up(rows, 16) for rows in self.phases)
        weight = codes = scales = row_scales = 0
        for cols in self.columns:
            tiles = list(parts(cols, self.tile_n))
            weight += cols * (len(self.phases) * (s.k - kept_w) + kept_w)
            codes += filled * (len(tiles) * (s.k - kept_a) + kept_a) if tiles else 0
            scales += 4 * cols * sum(self._blocks(rows) for rows in self.phases)
            row_scales += 4 * s.m * len(tiles)
        pieces = 2 if s.k > 8192 else 1
        return {
            "A": (2 * s.m * s.k * pieces, 0),
            "W": (weight, 0),
            "w_scale": (scales, 0),
            "C": (0, 2 * s.m * s.n),
            "H": (codes, align_up(s.m, 16) * s.k),
            "L": (codes, align_up(s.m, 16) * s.k),
            "S2": (row_scales, 4 * s.m),
            "P": (8 * s.m * s.n, 8 * s.m * s.n),
        }

    def _blocks(self, rows: int) -> int:
        """Blocks of rows that the two vector cores combine in a tile."""
        first = min(rows, self.phase_rows // 2)
        return cdiv(first, self.block_rows) + cdiv(rows - first, self.block_rows)

    # --- cube core

    def _chunk(self, rows: int, cols: int, kc: int) -> tuple[int, int]:
        """(MTE1, M) cycles of a chunk of one tile: W once, both parts of A."""
        of = self.costs.of
        a, b, mmad = of("load_l1_l0a", "b8"), of("load_l1_l0b", "b8"), of("mmad", "s8")
        mf, nf = cdiv(rows, 16), cols // 16
        moved = made = 0
        for step in parts(kc, self.step):
            kf = step // 32
            moved += b.work(nf * kf) + 2 * a.work(mf * kf)
            made += 2 * mmad.work(mf * nf * kf)
        return moved, made

    def _load(self, rows: int, cols: int, k: int, place: tuple[bool, bool], fresh: bool) -> int:
        """MTE2: the chunk at ``k``; place: first tile of its phase, first phase."""
        first_tile, first_phase = place
        kc = min(CHUNK, self.shape.k - k)
        kept_a, kept_w = self.kept
        total = 0
        if first_phase or k >= kept_w:
            size = cols * kc
            total += self.costs.gm("nd2nz_gm_l1").bytes_work(size, size if fresh else 0, cols)
        move = self.costs.gm("mov_gm_l1")
        for start in range(k, k + kc, self.step):
            if first_tile or start >= kept_a:
                size = align_up(rows, 16) * min(self.step, k + kc - start)
                total += 2 * move.bytes_work(size, 0, align_up(rows, 16) // 16)
        return total

    def _phase(self, rows: int, cols_of_group: int, first_phase: bool) -> dict[str, float]:
        """The cube core's pipes in one phase, and its pace chunk by chunk."""
        sums = {"cube MTE2": 0.0, "MTE1": 0.0, "M": 0.0, "pace": 0.0}
        fix = self.costs.gm("fix_l0c_gm", "none_b32")
        for index, cols in enumerate(parts(cols_of_group, self.tile_n)):
            last = self._chunk(rows, cols, min(self.step, self.shape.k))[1]
            # hW and lW leave beside the next products, but for what FIX takes longer than those.
            sums["pace"] += max(0, 2 * fix.bytes_work(rows * cols * 4) - last)
            for k in range(0, self.shape.k, CHUNK):
                moved, made = self._chunk(rows, cols, min(CHUNK, self.shape.k - k))
                load = self._load(rows, cols, k, (index == 0, first_phase), first_phase)
                sums["cube MTE2"] += load
                sums["MTE1"] += moved
                sums["M"] += made
                sums["pace"] += max(load, moved, made)
        return sums

    # --- vector cores

    def _split(self, rows: int) -> int:
        """V of the vector core with most units of a phase."""
        units = cdiv(cdiv(rows, self.unit), 2 * self.shape.blocks)
        pieces = list(parts(self.shape.k, 8192))
        return units * sum(split_unit(self.costs, self.unit, width) for width in pieces)

    def _combine(self, rows: int, cols: int) -> int:
        """A tile's blocks on the vector core with more of them."""
        first = min(rows, self.phase_rows // 2)
        return sum(
            combine_step(self.costs, block, cols, self.tile_n)
            for block in parts(first, self.block_rows)
        )

    # --- all of it

    def _memory(self, phase: int) -> dict[str, int]:
        """Shared bandwidth in one phase: its bytes at L2, what is new at the memory."""
        s, rows = self.shape, self.phases[phase]
        kept_a, kept_w = self.kept
        share = rows / s.m
        moved = self.traffic()
        weight = s.n * (s.k if phase == 0 else s.k - kept_w)
        others = sum(r + w for name, (r, w) in moved.items() if name != "W") * share
        ring = min(len(self.phases), 4) * 8 * self.phase_rows * self.tile_n * s.blocks
        fresh = rows * (4 * s.k + 2 * s.n) + (s.n * s.k + min(ring, 8 * s.m * s.n)) * (phase == 0)
        return {
            "L2": cdiv(round(weight + others), self.costs.l2),
            "HBM": cdiv(round(fresh), self.costs.hbm),
        }

    def estimate(self) -> Estimate:
        """The first phase's split, phase by phase the slowest of all, and the last combination."""
        cols = max(self.columns)
        first = self._split(self.phases[0])
        terms: dict[str, float] = {"V": first}
        load, store = self.costs.gm("mov_gm_ub"), self.costs.gm("mov_ub_gm")
        nd2nz = self.costs.gm("nd2nz_gm_l1")
        size = 2 * self.unit * min(self.shape.k, 8192)
        start = _PREAMBLE + load.head + load.bytes_work(size, size) + store.head
        cycles: float = start + first + 2 * self.costs.flag + nd2nz.head
        for phase, rows in enumerate(self.phases):
            cube = self._phase(rows, cols, phase == 0)
            after = self.phases[phase + 1] if phase + 1 < len(self.phases) else 0
            vector = self._split(after) if after else 0
            vector += sum(self._combine(rows, width) for width in parts(cols, self.tile_n))
            memory = self._memory(phase)
            cycles += max(cube.pop("pace"), vector, *memory.values())
            for name, value in {**cube, "V": vector, **memory}.items():
                terms[name] = terms.get(name, 0.0) + value
        last = (cols - 1) % self.tile_n + 1
        cycles += self.costs.flag + self._combine(self.phases[-1], last) + store.head
        return Estimate(round(cycles), self.traffic(), {n: round(v) for n, v in terms.items()})
