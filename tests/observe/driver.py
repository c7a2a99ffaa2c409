"""Drives the observers as the engine does, without one; guards around their arrays."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.jit import _I64, _pointer, njit
from npuemu.observe import access, clocks
from npuemu.observe import areas as ar
from npuemu.observe.order import check_raise
from npuemu.observe.tiles import touch_region, touch_runs
from npuemu.observe.watch import Memory, Watch
from tests.observe.naive import CORE_PIPES, NEVER_WRITTEN, Access, Region

GM = 0
FLAGS, COUNTERS, LINES = 512, 32, 96
GUARD, GUARD_WORDS = 0x5A5A5A5A, 64
DEPTH = 4
OPERATIONS = (
    "barrier", "raise", "wait", "drain", "dispatch", "learn", "hold", "widen", "arrive",
    "empty", "carry", "insert", "receive", "scalar",
)  # fmt: skip
(
    BARRIER, RAISE, WAIT, DRAIN, DISPATCH, LEARN, HOLD, WIDEN, ARRIVE,
    EMPTY, CARRY, INSERT, RECEIVE, SCALAR,
) = range(len(OPERATIONS))  # fmt: skip


@njit(signature="int64(int64, int64, int64, int64, int64, int64)")
def order(w, op, x, a, b, c):
    """One step of the order of accesses, as the engine makes it."""
    if op == BARRIER:
        clocks.complete(w, x)
    elif op == RAISE:
        to = x - x % CORE_PIPES + ((a >> 3) & 7)
        check_raise(w, x, to, a, a & 7, 0, 0)
        clocks.hand_over(w, x, clocks.flag(w, a))
    elif op == WAIT:
        clocks.take(w, x, a, b)
    elif op == DRAIN:
        clocks.drain(w, x)
    elif op == DISPATCH:
        return clocks.dispatched(w, x - x % CORE_PIPES, x, a)
    elif op == LEARN:
        clocks.learn(w, x, clocks.queued(w, a))
    elif op == HOLD:
        clocks.hand_over(w, x, clocks.carry(w))
    elif op == WIDEN:
        clocks.widen(w)
    elif op == ARRIVE:
        clocks.hand_over(w, x, clocks.arrival(w, a))
    elif op == EMPTY:
        clocks.empty_carry(w)
    elif op == CARRY:
        clocks.carry_arrival(w, a, b)
    elif op == INSERT:
        clocks.insert_release(w, x, a, b, c)
    elif op == RECEIVE:
        clocks.learn_release(w, x, a, b)
    elif op == SCALAR:
        clocks.complete(w, x)
        clocks.clock(w, x)[ar.V_VERSION] += 1
    return 0


@njit(signature="void(int64, int64, int64, int64, int64)")
def touch(w, place, address, count, current):
    """``count`` region rows at an address, through places ``place`` + memory."""
    for i in range(count):
        region = _pointer(address + 64 * i, _I64)
        seen = ar.place(w, place + region[0])
        if region[0] == GM:
            touch_runs(w, seen, region, current)
        else:
            touch_region(w, seen, region, current)


@njit(signature="void(int64, int64, int64)")
def mark_state(w, current, state):
    """Bits of a record."""
    ar.record(w, current)[ar.R_STATE] |= state


def guarded(array: NDArray[Any], word: int = GUARD) -> NDArray[Any]:
    """The same array between guard words."""
    raw = np.full(array.size + 2 * GUARD_WORDS, word, array.dtype)
    inner = raw[GUARD_WORDS : GUARD_WORDS + array.size].reshape(array.shape)
    inner[...] = array
    return inner


def intact(array: NDArray[Any], word: int = GUARD) -> bool:
    """Whether nobody wrote beside a guarded array."""
    raw = array
    while raw.base is not None:
        raw = raw.base
    return bool((raw[:GUARD_WORDS] == word).all() and (raw[-GUARD_WORDS:] == word).all())


def guard_of(name: str) -> int:
    """Below its stack of free leaves lies leaf 0: who pops too many finds that one."""
    return 0 if name == "free" else GUARD


class GuardedWatch(Watch):
    """Observers between guard words; keeps the logged intervals and counts how often it grew."""

    rooms = 0

    def arm(self) -> None:
        """Put guards around all arrays."""
        for name in ar.NAMES:
            setattr(self, name, guarded(getattr(self, name), guard_of(name)))
        self.table = ar.AREAS.table(self)
        self.live: Counter[tuple[int, int, int]] = Counter()
        self.occupancy.add = self.keep  # type: ignore[method-assign]

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Take over logged intervals."""
        for slot, start, stop, size, *_ in rows.tolist():
            self.live[slot, start, stop] += size

    def make_room(self) -> None:
        """Grow, and put guards around what is new."""
        self.rooms += 1
        assert self.intact()
        super().make_room()
        for name in ("records", "leaves", "free", "log"):
            if getattr(self, name).base is None:
                setattr(self, name, guarded(getattr(self, name), guard_of(name)))
        self.table[:] = ar.AREAS.table(self)

    def intact(self) -> bool:
        """Whether all guards hold, and leaf 0, which stands for none, is untouched."""
        arrays = {name: getattr(self, name) for name in ar.NAMES}
        return not self.leaves[0].any() and all(intact(a, guard_of(n)) for n, a in arrays.items())

    def squeeze(self) -> None:
        """Drop what is not referred to, hand over the log."""
        self._drain()
        self._compact()

    def hide(self) -> NDArray[np.int64]:
        """Leave no more free leaves than were asked for; returns the others."""
        h = self.header
        free, need = int(h[ar.H_FREE]), int(h[ar.H_NEED_LEAVES])
        hidden = self.free[: free - need].copy()
        self.free[:need] = self.free[free - need : free].copy()
        h[ar.H_FREE] = need
        return hidden

    def show(self, hidden: NDArray[np.int64]) -> None:
        """Put hidden leaves back, below the others."""
        free = int(self.header[ar.H_FREE])
        self.free[hidden.size : hidden.size + free] = self.free[:free].copy()
        self.free[: hidden.size] = hidden
        self.header[ar.H_FREE] += hidden.size


class Observers:
    """The interface of `Naive` over the real observers. ``memories``: (core, number, bytes);
    ``seen``: core and number -> slot of the memory. ``tight``: no room beyond what is asked for,
    and everything is renumbered before every access.
    """

    def __init__(
        self,
        cores: int,
        protected: frozenset[int],
        rows: int,
        memories: list[tuple[int, int, int]],
        seen: dict[tuple[int, int], int],
        gm: int,
        tracked: list[tuple[int, int]],
        outputs: list[tuple[int, int]],
        tight: bool = False,
    ) -> None:
        self.watch = GuardedWatch(
            cores, rows, DEPTH, [Memory(*m) for m in memories], gm, tracked, outputs,
            protected | {0}, check=True, carry=False,
        )  # fmt: skip
        self.watch.arm()
        self.tight, self.lossy = tight, False
        for (core, number), slot in seen.items():
            self.watch.see(core, number, slot)
        self.numbers = {(core, slot): number for (core, number), slot in seen.items()}
        pipes = cores * CORE_PIPES
        self.head, self.count = [0] * pipes, [0] * pipes
        self.twice: list[bool] = []
        self.told: dict[int, int] = {}
        self.times: dict[tuple[int, int], list[int]] = {}
        self.lines: Counter[tuple[int, int]] = Counter()

    def _do(self, op: int, x: int, a: int = 0, b: int = 0, c: int = 0) -> int:
        return int(order(self.watch.address, op, x, a, b, c))

    # --- order

    def barrier(self, x: int) -> None:
        """A barrier of pipe ``x``."""
        self._do(BARRIER, x)

    def set_flag(self, x: int, flag: int) -> None:
        """Pipe ``x`` raises flag ``flag`` of its core."""
        self._do(RAISE, x, x // CORE_PIPES * FLAGS + flag)
        self.twice.append(bool(self.watch.header[ar.H_FINDINGS]))
        self.watch.header[ar.H_FINDINGS] = 0

    def wait_flag(self, x: int, flag: int) -> None:
        """Pipe ``x`` consumes it."""
        self._do(WAIT, x, x // CORE_PIPES * FLAGS + flag)

    def drain(self, core: int) -> None:
        """S has waited for all pipes of its core."""
        self._do(DRAIN, core * CORE_PIPES)

    def dispatch(self, x: int) -> None:
        """S puts an instruction into the queue of pipe ``x``."""
        index = x * DEPTH + (self.head[x] + self.count[x]) % DEPTH
        self.count[x] += 1
        self.told[index] = self._do(DISPATCH, x, index)

    def take(self, x: int) -> None:
        """The head of the queue of pipe ``x`` takes its turn."""
        index = x * DEPTH + self.head[x]
        self.head[x] = (self.head[x] + 1) % DEPTH
        self.count[x] -= 1
        if self.told[index]:
            self._do(LEARN, x, index)

    def send(self, x: int, targets: list[tuple[int, int]], time: int) -> None:
        """Pipe ``x`` counts up counters (core, flag), visible at ``time``."""
        self._do(HOLD, x)
        for target in targets:
            self._count_up(target, time)

    def arrive(self, x: int, line: int, wide: bool) -> None:
        """Pipe ``x`` arrives at a gathered flag of its core."""
        if wide:
            self._do(WIDEN, 0)
        core = x // CORE_PIPES
        self._do(ARRIVE, x, (core * LINES + line) * 16 + self.lines[core, line])
        self.lines[core, line] += 1

    def gather(
        self, line: int, cores: list[int], targets: list[tuple[int, int]], time: int
    ) -> None:
        """All ``cores`` have arrived: one arrival of each counts up the targets."""
        self._do(EMPTY, 0)
        for core in cores:
            self._do(CARRY, 0, core * LINES + line, self.lines[core, line])
            self.lines[core, line] -= 1
        for target in targets:
            self._count_up(target, time)

    def receive(self, x: int, flag: int) -> None:
        """Pipe ``x`` takes the oldest count of a counter of its core."""
        core = x // CORE_PIPES
        times = self.times[core, flag]
        self._do(RECEIVE, x, core * COUNTERS + flag, len(times))
        times.pop(0)

    def _count_up(self, target: tuple[int, int], time: int) -> None:
        core, flag = target
        times = self.times.setdefault(target, [])
        at = len(times)
        while at > 0 and times[at - 1] > time:
            at -= 1
        self._do(INSERT, core * CORE_PIPES, core * COUNTERS + flag, at, len(times))
        times.insert(at, time)

    # --- memory

    def _rows(
        self, core: int, regions: tuple[tuple[int, Region], ...], write: int
    ) -> NDArray[np.int64]:
        rows = [(self.numbers[core, slot], write, *region) for slot, region in regions]
        return np.array(rows, np.int64).reshape(-1, 8)

    def access(self, a: Access) -> list[list[int]]:
        """One access; the findings that it led to, as rows."""
        w, h = self.watch, self.watch.header
        reads, writes = self._rows(a.core, a.reads, 0), self._rows(a.core, a.writes, 1)
        if self.tight:
            w.squeeze()
        self._room(np.concatenate([reads, writes]))
        hidden = w.hide() if self.tight else w.free[:0]
        records, logged, free = int(h[ar.H_NEXT]), int(w.log[0, 0]), int(h[ar.H_FREE])
        place = a.core * 16
        in_place = any(r[0] == s[0] for r in a.reads for s in a.writes)
        current = access.begin(
            w.address, a.x, a.row, a.dispatch, a.start, a.end, int(a.carries), int(in_place)
        )
        touch(w.address, place, reads.ctypes.data, len(reads), current)
        mark_state(w.address, current, ar.WROTE if len(writes) else 0)
        touch(w.address, place, writes.ctypes.data, len(writes), current)
        assert h[ar.H_NEXT] - records <= h[ar.H_NEED_RECORDS]
        assert w.log[0, 0] - logged <= h[ar.H_NEED_LOG]
        assert free - h[ar.H_FREE] <= h[ar.H_NEED_LEAVES]
        w.show(hidden)
        if a.x % CORE_PIPES == 0:
            self._do(SCALAR, a.x)
        found = w.findings[: int(h[ar.H_FINDINGS])].tolist()
        h[ar.H_FINDINGS] = 0
        assert h[ar.H_LOST] == 0 or self.lossy
        return found

    def _room(self, regions: NDArray[np.int64]) -> None:
        """Ask as the engine does; there is room after room was made."""
        granules, parts, size = 0, 0, 0
        for _, _, base, n1, s1, n0, s0, length in regions.tolist():
            granules += n1 * n0 * ((length >> 5) + 2)
            size += n1 * n0 * length
            parts += 2 * n1 * n0 if (base | s1 | s0 | length) & 31 else 0
        if not access.ask(self.watch.address, granules, parts, size):
            self.watch.make_room()
            assert access.ask(self.watch.address, granules, parts, size)

    def finish(self) -> None:
        """The end of the run."""
        self.watch.finish()
        assert self.watch.intact()

    def undefined(self) -> bool:
        """Whether the last access read bytes that nobody wrote and carries them."""
        return bool(self.watch.header[ar.H_UNDEFINED])


def split(found: list[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
    """Races, and reads of what nobody wrote."""
    races = [f for f in found if f[ar.F_KIND] != NEVER_WRITTEN]
    return races, [f for f in found if f[ar.F_KIND] == NEVER_WRITTEN]
