"""What every line of the text cost, by pipe: the report's lines put together by file and line."""

from __future__ import annotations

from dataclasses import dataclass, field

from npuemu.report.json_schema import Line, Report
from npuemu.report.places import split
from npuemu.report.summary import workers


@dataclass
class LineCost:
    """Cost of one line on one pipe of one kind of core, in cycles over all cores of the kind."""

    kind: str
    pipe: str
    count: int = 0
    busy: int = 0
    heads: int = 0
    stalls: dict[str, int] = field(default_factory=dict)

    def add(self, line: Line) -> None:
        """Take over an instruction of the line."""
        self.count += line.count
        self.busy += line.busy
        self.heads += line.heads
        for cause, cycles in line.stalls.items():
            self.stalls[cause] = self.stalls.get(cause, 0) + cycles

    @property
    def stalled(self) -> int:
        """All stall cycles."""
        return sum(self.stalls.values())


@dataclass(frozen=True)
class Costs:
    """``lines``: (file, line) -> costs of its pipes; ``slots``: (kind of core, pipe) -> cycles of
    that pipe on all cores that have work for it, of which costs are a share.
    """

    lines: dict[tuple[str, int], list[LineCost]]
    slots: dict[tuple[str, str], int]

    def share(self, kind: str, pipe: str, cycles: int) -> float:
        """Part of the run, mean over the cores whose pipe has work."""
        return cycles / self.slots[kind, pipe] if self.slots.get((kind, pipe)) else 0.0

    def of_file(self, name: str) -> int:
        """All cycles of a file's lines."""
        return sum(
            cost.busy + cost.stalled
            for (file, _), costs in self.lines.items()
            if file == name
            for cost in costs
        )


def costs_of(report: Report) -> Costs:
    """Costs of all lines of a report, but for pipes that have no work on any core."""
    slots = {key: report.cycles * cores for key, cores in workers(report).items()}
    found: dict[tuple[str, int], dict[tuple[str, str], LineCost]] = {}
    for line in report.lines:
        if (line.core, line.pipe) in slots:
            place = split(line.where)
            parts = found.setdefault((place.file, place.line), {})
            parts.setdefault((line.core, line.pipe), LineCost(line.core, line.pipe)).add(line)
    return Costs({place: list(parts.values()) for place, parts in found.items()}, slots)
