"""What a model of a kernel says, and the integer helpers that models share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

SCALED = 32  # elements that share an MX scale


@dataclass(frozen=True)
class Estimate:
    """A model's answer.

    cycles: of the run; traffic: bytes (read, written) by tensor, exact; terms: cycles that each
    resource needs by itself, the largest is the bound.
    """

    cycles: int
    traffic: dict[str, tuple[int, int]]
    terms: dict[str, int]

    @property
    def bound(self) -> str:
        """Name of the largest term."""
        return max(self.terms, key=lambda name: self.terms[name])

    @property
    def read(self) -> int:
        """All bytes read from GM."""
        return sum(read for read, _ in self.traffic.values())

    @property
    def written(self) -> int:
        """All bytes written to GM."""
        return sum(written for _, written in self.traffic.values())


def cdiv(a: int, b: int) -> int:
    """ceil(a / b)."""
    return -(-a // b)


def align_up(a: int, unit: int) -> int:
    """The smallest multiple of ``unit`` that is at least ``a``."""
    return cdiv(a, unit) * unit


def parts(total: int, size: int) -> Iterator[int]:
    """Sizes of the pieces that a length is cut into."""
    for start in range(0, total, size):
        yield min(size, total - start)


def fresh_cases(*shares: float) -> Iterator[tuple[float, tuple[bool, ...]]]:
    """Probability and outcome of every case in which some of several loads are first touches;
    each is one with probability ``shares[i]``, where equal cores share the first touches.
    """
    for outcome in product((False, True), repeat=len(shares)):
        weight = 1.0
        for share, fresh in zip(shares, outcome, strict=True):
            weight *= share if fresh else 1.0 - share
        if weight > 0.0:
            yield weight, outcome


@lru_cache(maxsize=4096)
def new_lines(pitch: int, offset: int, length: int, rows: int, line: int) -> int:
    """Lines of GM that the bytes [offset, offset + length) of ``rows`` rows are the first to touch,
    when the bytes of the same rows in front of them have been read before.
    """

    def lines(first: int, behind: int) -> set[int]:
        spans = ((r * pitch + first, r * pitch + behind - 1) for r in range(rows))
        return {i for a, z in spans if z >= a for i in range(a // line, z // line + 1)}

    return len(lines(offset, offset + length) - lines(0, offset))
