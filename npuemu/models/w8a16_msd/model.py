"""gemm_w8a16_msd: the vector cores split the rows of a phase while the cube core multiplies those
of the phase before; what each piece of a run takes, and moves. See `docs/models.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from npuemu.models.parts.cost import Costs
from npuemu.models.parts.estimate import Estimate, align_up, cdiv, parts
from npuemu.models.parts.plan import Plan
from npuemu.models.sharing.pipe import Move, rows_of
from npuemu.models.w8a16_msd.flow import MsdFlow
from npuemu.models.w8a16_msd.vector import MsdVector


@dataclass(frozen=True)
class GemmW8A16Msd:
    """The model for one run."""

    plan: Plan

    @cached_property
    def costs(self) -> Costs:
        """Time rows."""
        return self.plan.costs

    @cached_property
    def vector(self) -> MsdVector:
        """V's instructions."""
        return MsdVector(self.plan)

    @cached_property
    def columns(self) -> list[int]:
        """Columns of C of every group."""
        units, blocks = self.plan["UNITS"], self.plan.blocks
        return [16 * ((i + 1) * units // blocks - i * units // blocks) for i in range(blocks)]

    @cached_property
    def on_chip(self) -> bool:
        """The products reach the vector cores without GM."""
        return bool(self.plan["ON_CHIP"])

    @cached_property
    def phases(self) -> list[int]:
        """Rows of every phase."""
        return list(parts(self.plan["M"], self.plan["MT"]))

    @cached_property
    def kept(self) -> tuple[int, int]:
        """k of A's codes, and of W, that stay in L1: for the next tile, or the next phase."""
        plan, k = self.plan, self.plan["K"]
        return min(k, plan["KEEP_A"] * plan["KS"]), min(k, plan["KEEP_W"] * plan["KC"])

    def shares(self, rows: int) -> list[int]:
        """Rows of a tile that each vector core combines."""
        first = cdiv(rows, 2) if self.on_chip else min(rows, self.plan["HALF"])
        return [first, rows - first]

    def blocks(self, rows: int) -> list[int]:
        """Rows that a vector core with ``rows`` of a tile combines at once."""
        return list(parts(rows, self.plan["RS"]))

    def traffic(self) -> dict[str, tuple[int, int]]:
        """Bytes by tensor: W once a phase, codes once a tile, but for what stays in L1."""
        plan = self.plan
        m, n, k = plan["M"], plan["N"], plan["K"]
        kept_a, kept_w = self.kept
        filled = sum(align_up(rows, 16) for rows in self.phases)
        shares = [share for rows in self.phases for share in self.shares(rows) if share]
        steps = sum(len(self.blocks(share)) for share in shares)
        s2 = sum(align_up(share, 8) if self.on_chip else share for share in shares)
        weight = codes = scales = row_scales = 0
        for cols in self.columns:
            tiles = cdiv(cols, plan["NT"])
            weight += cols * (len(self.phases) * (k - kept_w) + kept_w)
            codes += filled * (tiles * (k - kept_a) + kept_a) if tiles else 0
            scales += 4 * cols * steps
            row_scales += 4 * s2 * tiles
        found = {
            "A": (2 * m * k * (2 if plan["PIECES"] > 1 else 1), 0),
            "W": (weight, 0),
            "w_scale": (scales, 0),
            "C": (0, 2 * m * n),
            "H": (codes, align_up(m, 16) * k),
            "L": (codes, align_up(m, 16) * k),
            "S2": (row_scales, 4 * (m + (plan["S2_MORE"] if m % 16 else 0))),
        }
        return found if self.on_chip else found | {"P": (8 * m * n, 8 * m * n)}

    # --- cube core

    def step(self, rows: int, cols: int, ks: int) -> tuple[int, int, int]:
        """(One part of A, W, one product): MTE1, MTE1 and M cycles of a step."""
        return self.costs.step("b8", "s8", cdiv(rows, 16), cols // 16, ks // 32)

    def load_w(self, cols: int, k: int, fresh: bool) -> Move:
        """MTE2: the chunk of W at ``k``; whole lines come with the first of their chunks."""
        nd2nz, whole = self.costs.gm("nd2nz_gm_l1"), self.plan["K"]
        span = k, min(k + self.plan["KC"], whole)
        return rows_of(self.costs, nd2nz, cols, span, whole, fresh, apart=True)

    def load_codes(self, rows: int, ks: int) -> list[Move]:
        """MTE2: h and l of a step, which the vector cores have touched."""
        move, high = self.costs.gm("mov_gm_l1"), align_up(rows, 16)
        bursts = ks // 32 if self.on_chip else high // 16
        return [Move(move, move.bytes_work(high * ks, 0, bursts), high * ks)] * 2

    def hand_over(self, rows: int, cols: int, first_lap: bool) -> Move:
        """FIX: one of the two products of a tile to the vector cores."""
        if self.on_chip:
            fix = self.costs.of("fix_l0c_ub", "none_b32")
            return Move(fix, fix.work(align_up(rows, 2) * cols * 4), 0)
        to_gm, size = self.costs.gm("fix_l0c_gm", "none_b32"), rows * cols * 4
        bursts = 1 if cols == self.plan["NT"] else rows
        fresh = size if first_lap else 0
        return Move(to_gm, to_gm.bytes_work(size, fresh, bursts), size, fresh)

    # --- vector cores

    def load_rows(self, rows: int, width: int, again: bool) -> Move:
        """MTE2: a piece of rows of A."""
        load, size = self.costs.gm("mov_gm_ub"), 2 * rows * width
        fresh = 0 if again else size
        return Move(load, load.bytes_work(size, fresh), size, fresh)

    def store_codes(self, rows: int, width: int, with_scale: bool) -> list[Move]:
        """MTE3: h and l of a piece, 32 bytes a fractal, and s2. A row's place in its fractals says
        whether its stores are aligned, and the first row of a fractal touches its line: on average.
        """
        line, align = self.costs.line, self.costs.align
        store, bursts = self.costs.gm("mov_ub_gm"), width // 32
        whole, odd = (store.bytes_work(width, 0, bursts, even) for even in (True, False))
        share = 32 / align if align > 32 else 1.0
        work = share * whole + (1 - share) * odd
        codes = Move(store, work, max(width, bursts * store.burst), bursts * line / 16)
        scale = Move(store, store.bytes_work(4 * rows, 0, 1, False), store.burst)
        return [scale] * with_scale + [codes] * (2 * rows)

    def load_products(self, rows: int, cols: int) -> list[Move]:
        """MTE2: the scales of a block of sums, and the sums unless they are in UB."""
        load, found = self.costs.gm("mov_gm_ub"), []
        if not self.on_chip:
            size, bursts = 4 * rows * cols, 1 if cols == self.plan["NT"] else rows
            found += [Move(load, load.bytes_work(size, 0, bursts), size)] * 2
        scales = align_up(rows, 8) if self.on_chip else rows
        for count in (cols, scales):
            found.append(Move(load, load.bytes_work(4 * count), max(4 * count, load.burst)))
        return found

    def store_c(self, rows: int, cols: int) -> Move:
        """MTE3: a block of C."""
        store, size = self.costs.gm("mov_ub_gm"), 2 * rows * cols
        bursts = 1 if cols == self.plan["N"] else rows
        aligned = self.plan["N"] * 2 % self.costs.align == 0
        return Move(store, store.bytes_work(size, size, bursts, aligned), size, size)

    # --- all of it

    def estimate(self) -> Estimate:
        """The widest group's way through all phases; no faster than the memories."""
        moved = self.traffic()
        flow = MsdFlow(self)
        end = flow.run()
        memories = self.costs.memories(moved, sum(t.nbytes for t in self.plan.program.tensors))
        terms = flow.busy | memories
        return Estimate(round(max(end, *memories.values())), moved, terms)


def estimate(plan: Plan) -> Estimate:
    """What the kernel takes."""
    return GemmW8A16Msd(plan).estimate()
