"""What every line of the text cost, by pipe: the report's lines put together by file and line."""

from __future__ import annotations

from dataclasses import dataclass, field

from npuemu.report.json_schema import Line, Report
from npuemu.report.page_html.markup import file_line
from npuemu.report.summary import core_kind


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
    """``lines``: (file, line) -> costs of its pipes; ``slots``: cycles of one pipe on all cores
    of a kind, of which costs are a share.
    """

    lines: dict[tuple[str, int], list[LineCost]]
    slots: dict[str, int]

    def share(self, kind: str, cycles: int) -> float:
        """Part of the run, mean over the cores of a kind."""
        return cycles / self.slots[kind] if self.slots[kind] else 0.0

    def of_file(self, name: str) -> int:
        """All cycles of a file's lines."""
        return sum(
            cost.busy + cost.stalled
            for (file, _), costs in self.lines.items()
            if file == name
            for cost in costs
        )


def used(report: Report) -> set[tuple[str, str]]:
    """(kind of core, pipe) of the pipes that executed anything; the others waited for nothing."""
    return {
        ("aic" if core_kind(core.core) == "cube" else "aiv", name)
        for core in report.cores
        for name, pipe in core.pipes.items()
        if pipe.instructions or pipe.busy
    }


def costs_of(report: Report) -> Costs:
    """Costs of all lines of a report."""
    found: dict[tuple[str, int], dict[tuple[str, str], LineCost]] = {}
    for line in report.lines:
        parts = found.setdefault(file_line(line.where), {})
        parts.setdefault((line.core, line.pipe), LineCost(line.core, line.pipe)).add(line)
    kinds = [core_kind(core.core) for core in report.cores]
    slots = {
        key: report.cycles * max(1, kinds.count(kind))
        for key, kind in (("aic", "cube"), ("aiv", "vector"))
    }
    return Costs({place: list(parts.values()) for place, parts in found.items()}, slots)
