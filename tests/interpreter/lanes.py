"""Which lanes of which repeats a vector instruction works on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

MOST_LANES = 524_288
ALL_ONES = (1 << 128) - 1


@dataclass(frozen=True)
class Mask:
    """The vector mask as S had it when it dispatched the instruction."""

    bits: int = ALL_ONES
    counter: bool = False


@dataclass(frozen=True)
class Lanes:
    """lanes: of a repeat; full: active lanes of every repeat but the last; tail: of the last."""

    lanes: int
    reps: int
    full: tuple[int, ...]
    tail: tuple[int, ...]

    def of(self, repeat: int) -> tuple[int, ...]:
        """Active lanes of a repeat, ascending."""
        return self.tail if repeat == self.reps - 1 else self.full

    @property
    def too_many(self) -> bool:
        """Whether this is beyond what an instruction may take (E118)."""
        return self.active > MOST_LANES

    @property
    def active(self) -> int:
        """Active lanes of all repeats."""
        return len(self.full) * (self.reps - 1) + len(self.tail) if self.reps else 0

    @property
    def last(self) -> int:
        """Lanes of the last repeat up to its highest active one."""
        return self.tail[-1] + 1 if self.tail else 0

    def span(self, blk: int, rep: int, size: int) -> tuple[int, int] | None:
        """First byte and end of the active lanes, from the base; None without any."""
        found = []
        if self.reps > 1 and self.full:
            low, high = _edges(self.full, blk, size)
            found += [(low, high), (low + (self.reps - 2) * rep * 32, high)]
            found[-1] = (found[-1][0], high + (self.reps - 2) * rep * 32)
        if self.reps and self.tail:
            low, high = _edges(self.tail, blk, size)
            found.append((low + (self.reps - 1) * rep * 32, high + (self.reps - 1) * rep * 32))
        return (min(low for low, _ in found), max(high for _, high in found)) if found else None

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """(repeat, lane) of every active lane, in order."""
        return [(r, lane) for r in range(self.reps) for lane in self.of(r)]


def offset(repeat: int, lane: int, blk: int, rep: int, size: int) -> int:
    """Where a lane lies, in bytes from the base."""
    byte = lane * size
    return repeat * rep * 32 + byte // 32 * blk * 32 + byte % 32


def _edges(lanes: tuple[int, ...], blk: int, size: int) -> tuple[int, int]:
    places = [offset(0, lane, blk, 0, size) for lane in lanes]
    return min(places), max(places) + size


def lanes_of(mask: Mask, lanes: int, rep: int, paired: bool = False) -> Lanes | str:
    """The lanes that an instruction of `lanes` lanes a repeat works on, or E116.

    paired: two lanes share a byte, so that both are active or neither.
    """
    everything = tuple(range(lanes))
    if mask.counter:
        count = mask.bits & ((1 << 64) - 1)
        if paired and count % 2:
            return "E116"
        reps = -(-count // lanes)
        return Lanes(lanes, reps, everything, everything[: count - (reps - 1) * lanes])
    if lanes > 128 or paired:
        if mask.bits != ALL_ONES:
            return "E116"
        return Lanes(lanes, rep, everything, everything)
    active = tuple(lane for lane in everything if mask.bits >> lane & 1)
    return Lanes(lanes, rep, active, active)
