"""Which place of one run's text is which place of another's.

Two texts are matched file by file: at the same line where both texts say the same there, else by
the sequence of their instructions, so that lines added above a place do not part it from itself.
"""

from __future__ import annotations

from difflib import SequenceMatcher

from npuemu.report.json_schema import Report
from npuemu.report.places import Place, split

Spot = tuple[int, int]
"""Line and column."""
Spots = dict[Spot, frozenset[tuple[str, str, str]]]
"""What a file's executed places are: (kind of core, pipe, mnemonic)."""


def _files(report: Report) -> dict[str, Spots]:
    found: dict[str, dict[Spot, set[tuple[str, str, str]]]] = {}
    for row in report.lines:
        place = split(row.where)
        spots = found.setdefault(place.file, {})
        spots.setdefault((place.line, place.column), set()).add((row.core, row.pipe, row.name))
    return {
        file: {spot: frozenset(what) for spot, what in sorted(spots.items())}
        for file, spots in found.items()
    }


def _base(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2]


def _partner(file: str, others: dict[str, Spots], same_kernel: bool) -> str | None:
    """The other run's file of this one: of the same path, else of one kernel and the same name."""
    if file in others:
        return file
    named = [other for other in others if _base(other) == _base(file)]
    return named[0] if same_kernel and len(named) == 1 else None


def _pairs(a: Spots, b: Spots) -> dict[Spot, Spot]:
    """Places of ``b`` -> places of ``a``."""
    common = a.keys() & b.keys()
    if all(a[spot] == b[spot] for spot in common) and 2 * len(common) >= min(len(a), len(b)):
        return {spot: spot for spot in common}
    in_a, in_b = list(a), list(b)
    matcher = SequenceMatcher(None, list(a.values()), list(b.values()), autojunk=False)
    return {
        in_b[block.b + i]: in_a[block.a + i]
        for block in matcher.get_matching_blocks()
        for i in range(block.size)
    }


class Matching:
    """Names places of the second run as the first does."""

    def __init__(self, a: Report, b: Report) -> None:
        in_a, in_b = _files(a), _files(b)
        self._in_first: dict[Place, str] = {}
        self._in_second: dict[Place, str] = {}
        for file, spots in in_b.items():
            partner = _partner(file, in_a, a.kernel == b.kernel)
            if partner is None:
                continue
            for second, first in _pairs(in_a[partner], spots).items():
                self._in_first[Place(file, *second)] = f"{partner}:{first[0]}:{first[1]}"
                self._in_second[Place(partner, *first)] = f"{file}:{second[0]}:{second[1]}"

    def in_first(self, where: str) -> str:
        """The place of the first run that a place of the second is; empty if there is none."""
        return self._in_first.get(split(where), "")

    def in_second(self, where: str) -> str:
        """The place of the second run that a place of the first is; empty if there is none."""
        return self._in_second.get(split(where), "")
