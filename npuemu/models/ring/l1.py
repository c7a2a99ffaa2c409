"""GEMMs whose weight comes through a ring in L1 (`programs/include/l1_ring*.inc`).

The vector cores lift tiles of the weight into slots of the ring, the cube core multiplies slot by
slot. A kernel says in a `Ring` what its pieces take; `Flow` follows one core group through all of
them. See `docs/models.md`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from npuemu.models.parts import scalar
from npuemu.models.parts.core_groups import Divided, Group
from npuemu.models.parts.estimate import Estimate, align_up, cdiv, parts
from npuemu.models.sharing.pipe import GroupPipes, Memory, Move


@dataclass(frozen=True)
class Strip:
    """Row tiles of a panel that are summed side by side. row: the first of its rows."""

    cols: int
    row: int
    rows: int
    last: bool

    @property
    def first(self) -> bool:
        """The panel begins with it."""
        return self.row == 0


@dataclass(frozen=True)
class Tile:
    """A tile of the weight: ``rows`` from row ``at`` of a vector core's half of a panel, columns
    ``k`` .. + ``kc``.
    """

    half: int
    at: int
    rows: int
    k: int
    kc: int


@dataclass(frozen=True)
class Sums:
    """A row tile that is summed at ``ready`` in place ``acc`` of L0C; ``done``: columns of
    the group in panels before it.
    """

    rows: int
    cols: int
    done: int
    acc: int
    ready: float


@dataclass(frozen=True)
class Stream:
    """Cycles that L2 and the memory need, from ``start`` on."""

    start: float
    l2: float
    hbm: float


@dataclass(frozen=True)
class Ring(Divided, ABC):
    """What the pieces of a kernel take; the methods are those in which kernels differ."""

    @cached_property
    def sharing(self) -> int:
        """Groups that read the same rows of A at the same time."""
        return self.plan["SPLIT_N"]

    @property
    @abstractmethod
    def buffers(self) -> int:
        """Tiles of the weight that the vector cores load ahead."""

    @abstractmethod
    def weights(self, tile: Tile) -> list[Move]:
        """MTE2 of a vector core: what a tile needs from GM."""

    @abstractmethod
    def lift(self, tile: Tile) -> tuple[int, int]:
        """V: (cycles until a tile's input may be overwritten, all cycles of the tile)."""

    def begin_panel(self, flow: Flow, half: int) -> None:
        """What the vector cores do in front of a panel of ``half`` rows of W each."""

    def open(self, flow: Flow) -> None:
        """What happens in front of all panels."""

    def types(self) -> tuple[str, str]:
        """Suffixes of the L1 -> L0 loads and of mmad."""
        return "b16", "bf16"

    def fetch(self, rows: int, strip: Strip, k: int, kc: int, panel: int, index: int) -> list[Move]:
        """MTE2 of the cube core: a chunk of row tile ``index`` of a strip, rows of A; all groups
        read it at once.
        """
        share = 1 / self.sharing if panel == 0 else 0.0
        return [self.chunk_of_a(rows, kc, share)]

    def chunk_of_a(self, rows: int, kc: int, share: float) -> Move:
        """``rows`` rows of a chunk, a first touch with probability ``share``."""
        size = self.plan["RING_BITS"] // 8
        moved, whole = rows * kc * size, kc == self.plan["K"]
        aligned = self.plan["K"] * size % self.costs.align == 0
        nd2nz, bursts = self.costs.gm("nd2nz_gm_l1"), 1 if whole else rows
        hit = nd2nz.bytes_work(moved, 0, bursts, aligned)
        miss = nd2nz.bytes_work(moved, moved, bursts, aligned)
        return Move(nd2nz, share * miss + (1 - share) * hit, moved, share * moved)

    def step(self, mf: int, nf: int, k: int, kt: int) -> tuple[int, int]:
        """(MTE1, M) cycles of a step: loads of A and of the weight, one product."""
        a, w, made = self.costs.step(*self.types(), mf, nf, kt // self.plan["COLUMN"])
        return a + w, made

    def store(self, flow: Flow, sums: Sums) -> None:
        """FIX: a row tile of C, or what the kernel does with its sums instead."""
        size = 2 * sums.rows * sums.cols
        fix = self.costs.gm("fix_l0c_gm", "f32_bf16")
        work = fix.bytes_work(size, size, sums.rows, self.plan["N"] * 2 % self.costs.align == 0)
        move = Move(fix, work, size, sums.rows * self.new_lines(flow, sums))
        flow.acc_free[sums.acc] = flow.out.run(flow.fix, sums.ready, [move], flow.alike, True)

    def new_lines(self, flow: Flow, sums: Sums) -> int:
        """Bytes of lines of a row of C that its columns are the first to touch."""
        line, whole = self.costs.line, 2 * flow.group.cols
        first, last = (align_up(2 * n, line) for n in (sums.done, sums.done + sums.cols))
        return min(last, whole) - min(first, whole)

    def earlier(self, flow: Flow) -> None:
        """What the vector cores do with the strip before, once a strip."""

    def close(self, flow: Flow) -> None:
        """What the vector cores do behind the last strip."""

    def put(self, tile: Tile) -> int:
        """MTE3 of a vector core: a tile to L1, ``PARTS`` instructions."""
        move, column = self.costs.of("mov_ub_l1"), self.plan["COLUMN"]
        return sum(
            move.work(lanes // column * 32 * tile.rows)
            for lanes in parts(tile.kc, self.plan["PART"])
        )

    # --- what a launch takes

    def gemm_traffic(self, bits: int) -> dict[str, tuple[int, int]]:
        """Bytes of A, W (``bits`` an element) and C: A once a panel, W once a strip, or once where
        its panels stay in the ring.
        """
        plan, k = self.plan, self.plan["K"]
        a = w = out = 0
        for g in self.groups:
            strips = 1 if plan["KEEP"] else cdiv(g.rows, plan["STRIP_ROWS"])
            a += g.rows * k * plan["RING_BITS"] // 8 * cdiv(g.cols, plan["TILE_N"])
            w += g.cols * k * bits // 8 * strips
            out += 2 * g.size
        return {"A": (a, 0), "W": (w, 0), "C": (0, out)}

    @abstractmethod
    def traffic(self) -> dict[str, tuple[int, int]]:
        """Bytes (read, written) by tensor."""

    def streams(self, flow: Flow, moved: dict[str, tuple[int, int]]) -> list[Stream]:
        """What the memories move from when on, where not all of it from the start."""
        return []

    def estimate(self) -> Estimate:
        """The busiest group, chunk by chunk; no faster than the memories."""
        moved = self.traffic()
        flow = Flow(self, self.busiest)
        end = flow.run()
        memories = self.costs.memories(moved, sum(t.nbytes for t in self.plan.program.tensors))
        streams = self.streams(flow, moved) or [Stream(scalar.L1_RING, *memories.values())]
        rest = max(s.start + max(s.l2, s.hbm) for s in streams)
        terms = flow.busy | memories
        return Estimate(round(max(end, rest + flow.edges)), moved, terms)


@dataclass
class Flow(GroupPipes):
    """One core group's way through its chunks: both vector cores do the same at the same time.

    Times are cycles from the start of the run, at which a piece's result is seen.
    """

    ring: Ring
    group: Group
    released: list[float] = field(default_factory=list)  # input of every tile
    put: list[float] = field(default_factory=list)  # every tile in L1
    filled: list[float] = field(default_factory=list)  # every slot, as the cube core sees it
    freed: list[float] = field(default_factory=list)  # every slot, as the vector cores see it
    summed: list[list[Sums]] = field(default_factory=list)  # row tiles by strip
    taken: list[float] = field(default_factory=list)  # blocks of sums, as FIX sees it
    stored: list[float] = field(default_factory=list)  # blocks of C that the vector cores store
    scaled: list[float] = field(default_factory=list)  # panels whose scales are not needed any more
    begun: int = 0  # strips that the vector cores have begun
    quantized: float = 0.0  # when the vector cores have A behind them,
    begin: float = 0.0  # and when the cube core may load it

    def __post_init__(self) -> None:
        plan = self.ring.plan
        self.alike = self.ring.alike
        costs = self.ring.costs
        self.inwards = Memory(costs, scalar.L1_RING, scalar.L1_RING)  # of the vector cores
        self.across = Memory(costs, scalar.L1_RING, scalar.L1_RING)  # of the cube core
        self.out = Memory(costs)  # C
        self.chunks = list(parts(plan["K"], plan["CHUNK"]))
        self.a_free = [0.0] * plan["A_BUFFERS"]
        self.acc_free = [0.0] * plan["ACCS"]
        self.l0_free = [0.0, 0.0]
        self.last = 0.0  # cycles of the last products
        self.tiles = 0  # chunks of row tiles so far
        self.accs = 0  # row tiles whose sums have begun, in strips before this one
        self.cube = self._cube()
        self.done = 0  # chunks of strips that the cube core has multiplied

    def _all_strips(self) -> Iterator[tuple[int, Strip]]:
        """The group's strips, with the number of their panel."""
        plan, rows = self.ring.plan, self.group.rows
        for panel, cols in enumerate(parts(self.group.cols, plan["TILE_N"])):
            for row in range(0, rows, plan["STRIP_ROWS"]):
                some = min(plan["STRIP_ROWS"], rows - row)
                yield panel, Strip(cols, row, some, row + some == rows)

    def run(self) -> float:
        """Follow all chunks; the end of the run."""
        plan, ring = self.ring.plan, self.ring
        self.hold(scalar.L1_RING)
        ring.open(self)
        for _, strip in self._all_strips():
            self.begun += 1
            if strip.first:
                ring.begin_panel(self, strip.cols // 2)
            lifted = strip.first or not plan["KEEP"]
            for chunk, kc in enumerate(self.chunks):
                if lifted:
                    self._fill(strip.cols // 2, chunk * plan["CHUNK"], kc)
                if chunk == plan["LATER"] - 1:
                    ring.earlier(self)
        ring.close(self)
        for _ in self.cube:
            pass
        return self.end

    @property
    def edges(self) -> float:
        """What a run takes beside its transfers: the way of the first, and behind the last one its
        products and their store.
        """
        first, store = self.ring.costs.gm("nd2nz_gm_l1"), self.end - self.summed[-1][-1].ready
        return first.alone(0) + self.last + store

    # --- vector cores

    def _fill(self, half: int, k: int, kc: int) -> None:
        """One chunk of a panel: loads, casts, and the way into its slot."""
        ring, plan = self.ring, self.ring.plan
        slot_free = 0.0
        if len(self.filled) >= plan["SLOTS"]:
            slot = len(self.filled) - plan["SLOTS"]
            while len(self.freed) <= slot:
                next(self.cube)
            slot_free = self.freed[slot]
        for at, rows in zip(
            range(0, half, plan["TILE_ROWS"]), parts(half, plan["TILE_ROWS"]), strict=True
        ):
            self._lift(Tile(half, at, rows, k, kc), slot_free)
        self.filled.append(self.mte3.end + ring.costs.flag)

    def _lift(self, tile: Tile, slot_free: float) -> None:
        """One tile of a chunk, whose slot is free at ``slot_free``."""
        ring, cast = self.ring, self.ring.costs.of("vconv", "f32_bf16", "rint")
        free = self.released[-ring.buffers] if len(self.released) >= ring.buffers else 0.0
        loaded = self.inwards.run(self.load, free, ring.weights(tile), 2 * self.alike)
        empty = self.put[-2] if len(self.put) >= 2 else 0.0
        some, all_of_it = ring.lift(tile)
        self.v.run(max(loaded, empty), cast, some)
        self.released.append(self.v.end)
        lifted = self.v.run(0.0, cast, all_of_it - some)
        self.put.append(
            self.mte3.run(max(lifted, slot_free), ring.costs.of("mov_ub_l1"), ring.put(tile))
        )

    # --- cube core

    def sums_of(self, strip: int) -> list[Sums]:
        """The row tiles of a strip (its number), to whose end the cube core goes on."""
        while self.done < (strip + 1) * len(self.chunks):
            next(self.cube)
        return self.summed[strip]

    def _cube(self) -> Iterator[None]:
        """The cube core, a chunk of a strip at a time."""
        plan = self.ring.plan
        start = slot = 0
        for panel, strip in self._all_strips():
            if strip.first:
                start = slot
            if plan["KEEP"]:
                slot = start
            self.summed.append([])
            for chunk, kc in enumerate(self.chunks):
                self._chunk(strip, panel, chunk, kc, self.filled[slot])
                slot += 1
                if strip.last or not plan["KEEP"]:
                    self.freed.append(self.mte1.end + self.ring.costs.flag)
                self.done += 1
                yield
            self.accs += cdiv(strip.rows, plan["TILE_M"])

    def _chunk(self, strip: Strip, panel: int, chunk: int, kc: int, filled: float) -> None:
        """All row tiles of a strip with a chunk that is there at ``filled``."""
        ring, plan = self.ring, self.ring.plan
        k, last = chunk * plan["CHUNK"], chunk == len(self.chunks) - 1
        for index, rows in enumerate(parts(strip.rows, plan["TILE_M"])):
            buffer = self.tiles % plan["A_BUFFERS"]
            self.tiles += 1
            moves = ring.fetch(rows, strip, k, kc, panel, index)
            there = self.across.run(self.fetch, self.a_free[buffer], moves, self.alike)
            acc = (self.accs + index) % plan["ACCS"]
            before = self.m.free
            self._multiply(
                rows, strip.cols, k, kc, max(there, filled), 0 if k else self.acc_free[acc]
            )
            self.a_free[buffer], self.last = self.mte1.end, self.m.free - max(before, there)
            if last:
                sums = Sums(rows, strip.cols, panel * plan["TILE_N"], acc, self.m.end)
                self.summed[-1].append(sums)
                ring.store(self, sums)

    def _multiply(
        self, rows: int, cols: int, k: int, kc: int, ready: float, acc_free: float
    ) -> None:
        """MTE1 and M: steps through two halves of L0."""
        ring, of = self.ring, self.ring.costs.of
        to_l0, mmad = of("load_l1_l0a", ring.types()[0]), of("mmad", ring.types()[1])
        for k0 in range(0, kc, ring.plan["STEP"]):
            kt = min(ring.plan["STEP"], kc - k0)
            moved, made = ring.step(cdiv(rows, 16), cols // 16, k + k0, kt)
            loaded = self.mte1.run(max(ready, self.l0_free[0]), to_l0, moved)
            product = self.m.run(max(loaded, acc_free), mmad, made)
            self.l0_free = [self.l0_free[1], product]
