"""Random programs: queues, flags, barriers, cross-core flags and accesses on a few core groups.

A small world without times of its own: the scalar units dispatch, any queue may take its next
step, and what waits for a flag waits until it is there.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.observe.naive import CORE_PIPES, Access, Region

Step = Callable[[], bool]
PIPES = 7
MEMORY, GM_BYTES = 4096, 5120
SCRATCH, OUT, MORE = (512, 1536), (1536, 3072), (3072, 5120 - 512)
"""Ranges of GM, one next to the other: a scratch tensor, an output, another scratch tensor."""
L1, UB = 1, 7
PAIR, CV = 1, 2
ALL_CUBES, ALL_VECTORS = 3, 4


@dataclass(frozen=True)
class Shape:
    """What a random program looks like."""

    groups: int = 1
    steps: int = 250
    sync: float = 0.5
    cross: float = 0.3
    scalar: float = 0.1
    whole: float = 0.75
    pool: int = 8
    cores_used: int = 3
    same_rows: bool = False


def draw_region(rng: random.Random, low: int, high: int, whole: float) -> Region:
    """A region inside ``low .. high``: whole granules mostly, parts, strides, overlaps."""
    while True:
        unit = 32 if rng.random() < whole else rng.choice([1, 2, 4, 8])
        n1, n0 = rng.choice([1, 1, 1, 2, 3]), rng.choice([1, 1, 2, 4])
        length = unit * rng.choice([1, 2, 3, 4, 8, 16, 24])
        s0 = rng.choice([0, length, length + 32 * rng.randrange(4), unit]) if n0 > 1 else 0
        s1 = rng.choice([0, n0 * s0 + length, 32 * rng.randrange(24)]) if n1 > 1 else 0
        base = low + unit * rng.randrange((high - low) // unit)
        if base + (n1 - 1) * s1 + (n0 - 1) * s0 + length <= high:
            return base, n1, s1, n0, s0, length


@dataclass
class World:
    """Runs one random program; ``players`` have the methods of `tests.observe.naive.Naive`."""

    rng: random.Random
    shape: Shape
    players: list[object]
    show: Callable[[Access], None]
    time: int = 0
    row: int = 0
    queues: dict[int, list[Step]] = field(default_factory=dict)
    raised: set[tuple[int, int]] = field(default_factory=set)
    counts: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    arrived: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cores = 3 * self.shape.groups
        used = min(self.shape.cores_used, self.cores)
        self.active = self.rng.sample(range(self.cores), used)
        self.clock = dict.fromkeys(range(self.cores), 0)
        self.queues = {c * CORE_PIPES + p: [] for c in self.active for p in range(1, PIPES)}
        self.pool: dict[int, list[Region]] = {}

    def tell(self, name: str, *arguments: object) -> None:
        """The same to all players."""
        for player in self.players:
            getattr(player, name)(*arguments)

    # --- memories

    def memories(self) -> list[tuple[int, int, int]]:
        """(core, number, bytes) of the local memories."""
        found = []
        for core in range(self.cores):
            found.append((core, UB, MEMORY))
            if core % 3 == 0:
                found.append((core, L1, MEMORY))
        return found

    def seen(self) -> dict[tuple[int, int], int]:
        """(core, number) -> slot: a UB of its own, the L1 of the group, GM."""
        found = {}
        for core in range(self.cores):
            found[core, 0] = 0
            found[core, L1] = (core - core % 3) * 16 + L1
            found[core, UB] = core * 16 + UB
        return found

    def region(self, core: int) -> tuple[int, Region]:
        """A region of a memory that a core sees, mostly one that was used before."""
        rng = self.rng
        slot = self.seen()[core, rng.choice([0, L1, UB, UB])]
        pool = self.pool.setdefault(slot, [])
        low, high = rng.choice([SCRATCH, OUT, MORE]) if slot == 0 else (0, MEMORY)
        if len(pool) < self.shape.pool or rng.random() < 0.1:
            region = draw_region(rng, low, high, self.shape.whole)
            pool.append(region)
            return slot, region
        return slot, rng.choice(pool)

    # --- accesses

    def plan(self, x: int, dispatch: int) -> Callable[[int, int], Access]:
        """An access of pipe ``x``, whose times are known later."""
        rng, core = self.rng, x // CORE_PIPES
        if x % CORE_PIPES == 0:
            base, size = 8 * rng.randrange(MEMORY // 8), rng.choice([1, 2, 4, 8])
            one = ((self.seen()[core, UB], (base, 1, 0, 1, 0, size)),)
            reads, writes = (one, ()) if rng.random() < 0.5 else ((), one)
        else:
            reads = tuple(self.region(core) for _ in range(rng.choice([0, 1, 1, 2])))
            writes = tuple(self.region(core) for _ in range(rng.choice([0, 1, 1, 1])))
            if reads and rng.random() < 0.15:
                writes = (rng.choice(reads),)
        row = self.row = self.row + 1
        if self.shape.same_rows:
            row = rng.randrange(10)
        carries = x % CORE_PIPES in (3, 4, 5) and rng.random() < 0.5
        return lambda start, end: Access(x, row, dispatch, start, end, reads, writes, carries)

    def execute(self, plan: Callable[[int, int], Access]) -> bool:
        """It takes its turn now."""
        self.time += self.rng.randrange(3)
        self.show(plan(self.time, self.time + self.rng.randrange(1, 12)))
        return True

    # --- what S puts into queues

    def queue_access(self, x: int) -> Step:
        """A data instruction."""
        plan = self.plan(x, self.clock[x // CORE_PIPES])
        return lambda: self.execute(plan)

    def queue_sync(self, x: int) -> None:
        """A barrier, a pair of a flag, or a cross-core flag."""
        rng, core = self.rng, x // CORE_PIPES
        kind = rng.choice(["barrier", "flag", "flag"])
        if rng.random() < self.shape.cross:
            kind = "cross"
        if kind == "barrier":
            self.put(x, lambda: self.done("barrier", x))
        elif kind == "flag":
            y = core * CORE_PIPES + rng.randrange(PIPES)
            flag = (x % CORE_PIPES) << 6 | (y % CORE_PIPES) << 3 | rng.randrange(2)
            if y == x or self.room(x) < 1 or (y % CORE_PIPES and self.room(y) < 1):
                return
            self.put(x, lambda: self.raise_flag(x, flag))
            if y % CORE_PIPES:
                self.put(y, lambda: self.wait_flag(y, flag))
            elif self.flush(core, x):
                self.wait_flag(y, flag)
        else:
            self.queue_cross(x)

    def queue_cross(self, x: int) -> None:
        """A cross-core set, or a wait where a count is there."""
        rng, core = self.rng, x // CORE_PIPES
        waiting = [f for (c, f), line in self.counts.items() if c == core and line]
        if waiting and rng.random() < 0.4:
            flag = rng.choice(waiting)
            self.put(x, lambda: self.receive(x, flag))
        elif rng.random() < 0.4:
            targets = [c for c in range(core - core % 3, core - core % 3 + 3) if c != core]
            if core % 3:
                targets = targets[:1]
            self.put(x, lambda: self.send(x, [(c, 1) for c in targets]))
        else:
            lines = [PAIR, CV, ALL_VECTORS] if core % 3 else [ALL_CUBES]
            line = rng.choice(lines)
            self.put(x, lambda: self.arrive(x, line))

    def room(self, x: int) -> int:
        """Free places of a queue."""
        return 4 - len(self.queues[x]) if x % CORE_PIPES else 4

    def put(self, x: int, step: Step) -> None:
        """Dispatch to a queue; S does it itself and at once."""
        if x % CORE_PIPES == 0:
            step()
        elif self.room(x) > 0:
            self.tell("dispatch", x)
            self.queues[x].append(step)
        self.clock[x // CORE_PIPES] += 1

    # --- what pipes do

    def done(self, name: str, *arguments: object) -> bool:
        """All players do it."""
        self.tell(name, *arguments)
        return True

    def raise_flag(self, x: int, flag: int) -> bool:
        """Not while it is up."""
        key = x // CORE_PIPES, flag
        if key in self.raised:
            return False
        self.raised.add(key)
        return self.done("set_flag", x, flag)

    def wait_flag(self, x: int, flag: int) -> bool:
        """Only when it is up."""
        key = x // CORE_PIPES, flag
        if key not in self.raised:
            return False
        self.raised.remove(key)
        return self.done("wait_flag", x, flag)

    def count(self, targets: list[tuple[int, int]], time: int) -> None:
        """Remember when counts are visible."""
        for target in targets:
            self.counts.setdefault(target, []).append(time)

    def send(self, x: int, targets: list[tuple[int, int]]) -> bool:
        """A cross-core flag that one pipe carries alone."""
        if any(len(self.counts.get(t, [])) >= 15 for t in targets):
            return True
        time = self.time + self.rng.randrange(20)
        self.count(targets, time)
        return self.done("send", x, targets, time)

    def arrive(self, x: int, line: int) -> bool:
        """A gathered flag; it fires when all have arrived."""
        core, first = x // CORE_PIPES, x // CORE_PIPES // 3 * 3
        cores = [first + 1, first + 2]
        targets = [(first, 2)] if line == CV else [(c, 3) for c in cores]
        if line == ALL_CUBES:
            cores = list(range(0, self.cores, 3))
            targets = [(c, 4) for c in cores]
        elif line == ALL_VECTORS:
            cores = [c for c in range(self.cores) if c % 3]
            targets = [(c, 5) for c in cores]
        full = any(len(self.counts.get(t, [])) >= 15 for t in targets)
        if full or self.arrived.get((core, line), 0) >= 15:
            return True
        self.arrived[core, line] = self.arrived.get((core, line), 0) + 1
        self.tell("arrive", x, line, line in (ALL_CUBES, ALL_VECTORS) and self.cores > 3)
        if all(self.arrived.get((c, line), 0) for c in cores):
            time = self.time + self.rng.randrange(20)
            for c in cores:
                self.arrived[c, line] -= 1
            self.count(targets, time)
            self.tell("gather", line, cores, targets, time)
        return True

    def receive(self, x: int, flag: int) -> bool:
        """Take a count, if there is one."""
        line = self.counts.get((x // CORE_PIPES, flag), [])
        if not line:
            return True
        line.pop()
        return self.done("receive", x, flag)

    # --- the run

    def step(self, x: int) -> bool:
        """The head of a queue takes its turn, if it can; what S told it is learned before."""
        if not self.queues[x]:
            return False
        if self.queues[x][0] is not self._told.get(x):
            self._told[x] = self.queues[x][0]
            self.tell("take", x)
        if not self.queues[x][0]():
            return False
        self.queues[x].pop(0)
        return True

    def flush(self, core: int, only: int = -1) -> bool:
        """Run the queues of a core (or one of them) until they are empty or all wait."""
        mine = [x for x in self.queues if x // CORE_PIPES == core]
        moved = [True]
        while any(moved) and (only < 0 or self.queues.get(only)):
            moved = [self.step(x) for x in mine]
        return not self.queues.get(only) if only >= 0 else not any(self.queues[x] for x in mine)

    def run(self) -> None:
        """The whole program."""
        rng = self.rng
        self._told: dict[int, Step] = {}
        for _ in range(self.shape.steps):
            core = rng.choice(self.active)
            x = core * CORE_PIPES + rng.randrange(1, PIPES)
            chance = rng.random()
            if chance < self.shape.scalar:
                self.scalar(core)
            elif rng.random() < self.shape.sync:
                self.queue_sync(rng.choice([x, x, x, core * CORE_PIPES]))
            elif self.room(x) > 0:
                self.put(x, self.queue_access(x))
            for _ in range(rng.randrange(4)):
                self.step(rng.choice(list(self.queues)))
        for core in self.active:
            self.flush(core)

    def scalar(self, core: int) -> None:
        """S drains its core, or loads or stores."""
        if self.rng.random() < 0.3:
            if self.flush(core):
                self.tell("drain", core)
        else:
            self.clock[core] = self.clock[core] + 1
            self.execute(self.plan(core * CORE_PIPES, self.clock[core]))
            self.clock[core] += 1
