"""What the observers must find, from its definition: sets of accesses, and every byte on its own.

Nothing is forgotten and nothing is shared with the code under test: what a pipe knows to be
complete is a set of accesses (bits of an integer), and every byte keeps all readers and writers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

Region = tuple[int, int, int, int, int, int]  # base, n1, s1, n0, s0, length
CORE_PIPES = 8
S = 0
READ_AFTER_WRITE, WRITE_AFTER_READ, WRITE_AFTER_WRITE, NEVER_WRITTEN = 201, 202, 203, 204


def bytes_of(region: Region) -> set[int]:
    """The addresses that a region names."""
    base, n1, s1, n0, s0, length = region
    starts = {base + i * s1 + j * s0 for i in range(n1) for j in range(n0)}
    return {b for start in starts for b in range(start, start + length)}


@dataclass(frozen=True)
class Access:
    """One execution: pipe ``x`` of the launch, times, and regions as (slot of memory, region)."""

    x: int
    row: int
    dispatch: int
    start: int
    end: int
    reads: tuple[tuple[int, Region], ...]
    writes: tuple[tuple[int, Region], ...]
    carries: bool = False

    @property
    def core(self) -> int:
        """Core of the launch."""
        return self.x // CORE_PIPES


@dataclass
class Byte:
    """All that ever happened to a byte; accesses are bits of integers."""

    readers: int = 0
    writers: int = 0
    writer: int = -1
    since: int = 0
    """Readers since the last write."""


@dataclass(frozen=True)
class Pair:
    """Two racing accesses, as they are reported: a kind, the sides by program order in a core."""

    kind: int
    row_a: int
    row_b: int
    slot: int


@dataclass
class Seen:
    """What one access must lead to. ``races``: conflicting bytes of every racing pair with what
    the bytes hold at the moment; ``some``: groups of which at least one pair must be reported for
    the byte; ``undefined``: bytes that it reads and nobody wrote, by slot.
    """

    races: dict[Pair, set[int]] = field(default_factory=lambda: defaultdict(set))
    some: dict[tuple[int, int, int], set[Pair]] = field(default_factory=lambda: defaultdict(set))
    undefined: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))


def bits(word: int) -> Iterator[int]:
    """Numbers of the bits that are set."""
    while word:
        low = word & -word
        yield low.bit_length() - 1
        word ^= low


class Naive:
    """The definition. ``protected``: pipes 0..7 whose own accesses the machine orders (S is)."""

    def __init__(self, cores: int, protected: frozenset[int]) -> None:
        self.protected = protected | {S}
        pipes = cores * CORE_PIPES
        self.known, self.done = [0] * pipes, [0] * pipes
        self.slots: list[list[int]] = [[] for _ in range(pipes)]
        self.flags: dict[tuple[int, int], int] = {}
        self.counters: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        self.lines: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.accesses: list[Access] = []
        self.before: list[int] = []
        self.memory: dict[int, dict[int, Byte]] = defaultdict(lambda: defaultdict(Byte))
        self.live: Counter[tuple[int, int, int]] = Counter()
        self.used: set[int] = set()
        self.racing: dict[int, set[int]] = defaultdict(set)
        self.pairs: dict[tuple[int, int], set[int]] = defaultdict(set)

    # --- order

    def everything(self, x: int) -> int:
        """What holds once all that pipe ``x`` has begun is complete."""
        return self.known[x] | self.done[x]

    def barrier(self, x: int) -> None:
        """A barrier of pipe ``x``."""
        self.known[x] |= self.done[x]

    def set_flag(self, x: int, flag: int) -> None:
        """Pipe ``x`` raises flag ``flag`` of its core."""
        self.flags[x // CORE_PIPES, flag] = self.everything(x)

    def wait_flag(self, x: int, flag: int) -> None:
        """Pipe ``x`` consumes it."""
        self.known[x] |= self.flags.pop((x // CORE_PIPES, flag))

    def drain(self, core: int) -> None:
        """S has waited for all pipes of its core."""
        for x in range(core * CORE_PIPES, (core + 1) * CORE_PIPES):
            self.known[core * CORE_PIPES] |= self.everything(x)

    def dispatch(self, x: int) -> None:
        """S puts an instruction into the queue of pipe ``x``."""
        self.slots[x].append(self.everything(x - x % CORE_PIPES))

    def take(self, x: int) -> None:
        """The head of the queue of pipe ``x`` takes its turn."""
        self.known[x] |= self.slots[x].pop(0)

    def send(self, x: int, targets: list[tuple[int, int]], time: int) -> None:
        """Pipe ``x`` counts up counters (core, flag), visible at ``time``."""
        for target in targets:
            self._count_up(target, time, self.everything(x))

    def arrive(self, x: int, line: int, wide: bool) -> None:
        """Pipe ``x`` arrives at a gathered flag of its core."""
        self.lines[x // CORE_PIPES, line].append(self.everything(x))

    def gather(
        self, line: int, cores: list[int], targets: list[tuple[int, int]], time: int
    ) -> None:
        """All ``cores`` have arrived: one arrival of each counts up the targets."""
        total = 0
        for core in cores:
            total |= self.lines[core, line].pop(0)
        for target in targets:
            self._count_up(target, time, total)

    def receive(self, x: int, flag: int) -> None:
        """Pipe ``x`` takes the oldest count of a counter of its core."""
        self.known[x] |= self.counters[x // CORE_PIPES, flag].pop(0)[1]

    def _count_up(self, target: tuple[int, int], time: int, knowledge: int) -> None:
        line = self.counters[target]
        line.append((time, knowledge))
        line.sort(key=lambda count: count[0])

    # --- memory

    def access(self, a: Access) -> Seen:
        """One access; what must be found because of it."""
        number, seen = len(self.accesses), Seen()
        before = self.known[a.x]
        if a.x % CORE_PIPES in self.protected:
            before |= self.done[a.x]
        self.accesses.append(a)
        self.before.append(before)
        for slot, region in a.reads:
            for address in sorted(bytes_of(region)):
                self._read(number, slot, address, seen)
        for slot, region in a.writes:
            for address in sorted(bytes_of(region)):
                self._write(number, slot, address, seen)
        self.done[a.x] |= 1 << number
        if a.x % CORE_PIPES == S:
            self.known[a.x] |= 1 << number
        return seen

    def _read(self, number: int, slot: int, address: int, seen: Seen) -> None:
        byte = self.memory[slot][address]
        self._note(number, slot, address, byte.writers, READ_AFTER_WRITE)
        if byte.writer < 0:
            seen.undefined[slot].add(address)
        else:
            self.used.add(byte.writer)
            self._must(number, slot, address, 1 << byte.writer, READ_AFTER_WRITE, seen)
        byte.readers |= 1 << number
        byte.since |= 1 << number

    def _write(self, number: int, slot: int, address: int, seen: Seen) -> None:
        byte = self.memory[slot][address]
        if byte.writer == number:
            return
        self._note(number, slot, address, byte.readers, WRITE_AFTER_READ)
        self._note(number, slot, address, byte.writers, WRITE_AFTER_WRITE)
        if byte.writer >= 0:
            self._must(number, slot, address, 1 << byte.writer, WRITE_AFTER_WRITE, seen)
        self._must(number, slot, address, byte.since, WRITE_AFTER_READ, seen)
        self._interval(slot, byte)
        byte.writers |= 1 << number
        byte.writer, byte.since = number, 0

    def _unordered(self, number: int, others: int) -> int:
        return others & ~self.before[number] & ~(1 << number)

    def _note(self, number: int, slot: int, address: int, others: int, kind: int) -> None:
        """All races of a byte, whatever happened in between."""
        for other in bits(self._unordered(number, others)):
            self.racing[slot].add(address)
            self.pairs[other, number].add(kind)

    def _must(
        self, number: int, slot: int, address: int, others: int, kind: int, seen: Seen
    ) -> None:
        """Races with who wrote a byte last, and with who has read it since."""
        for other in bits(self._unordered(number, others)):
            pair = self.pair(other, number, slot, kind)
            seen.races[pair].add(address)
            seen.some[slot, address, kind].add(pair)

    def pair(self, earlier: int, later: int, slot: int, kind: int) -> Pair:
        """How a race is reported."""
        a, b = self.accesses[earlier], self.accesses[later]
        if a.core == b.core and b.dispatch < a.dispatch:
            swapped = {201: 202, 202: 201, 203: 203}[kind]
            return Pair(swapped, b.row, a.row, slot)
        return Pair(kind, a.row, b.row, slot)

    def _interval(self, slot: int, byte: Byte) -> None:
        if slot > 0 and byte.writer >= 0 and byte.since:
            stop = max(self.accesses[i].end for i in bits(byte.since))
            self.live[slot, self.accesses[byte.writer].end, stop] += 1

    # --- the end

    def finish(self, outputs: list[tuple[int, int]]) -> None:
        """Close the intervals; what is left in ``outputs`` (of memory 0) is used."""
        for slot, memory in self.memory.items():
            for byte in memory.values():
                self._interval(slot, byte)
        for start, stop in outputs:
            for address in range(start, stop):
                self.used.add(self.memory[0][address].writer)

    def unused(self) -> tuple[Counter[int], Counter[int]]:
        """By row: executions that wrote, and those of whose bytes none was used."""
        wrote = [i for i, a in enumerate(self.accesses) if a.writes]
        executed = Counter(self.accesses[i].row for i in wrote)
        return executed, Counter(self.accesses[i].row for i in wrote if i not in self.used)
