"""What hints are made from: a report's figures with their places in it, and the critical path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npuemu.isa.table import PIPES
from npuemu.observe.recording import DATA, SET, Recording
from npuemu.report.json_schema import PathShare, Report, Roof, Wait
from npuemu.report.places import Places
from npuemu.report.summary import PipeRow, kind_rows, workers

Kind = Literal["aic", "aiv"]
KINDS: dict[str, Kind] = {"cube": "aic", "vector": "aiv"}


@dataclass(frozen=True)
class Evidence:
    """A run's report and recording, and its critical path by instruction."""

    report: Report
    recording: Recording
    path: list[PathShare]

    @cached_property
    def rows(self) -> list[PipeRow]:
        """Pipes that have work, means over the cores they work on."""
        return kind_rows(self.report)

    @cached_property
    def busiest(self) -> PipeRow:
        """The pipe that is busy longest."""
        return max(self.rows, key=lambda row: row.busy)

    @staticmethod
    def kind(row: PipeRow) -> Kind:
        """``aic`` or ``aiv``."""
        return KINDS[row.kind]

    def row(self, core: str, pipe: str) -> PipeRow | None:
        """The row of a pipe, None if it has no work."""
        return next((r for r in self.rows if self.kind(r) == core and r.pipe == pipe), None)

    def share(self, cycles: float) -> float:
        """Part of the run, 0..1."""
        return cycles / self.report.cycles if self.report.cycles else 0.0

    def room(self, row: PipeRow | None = None) -> int:
        """Cycles that overlapping can save at most: the busiest pipe, or ``row``, is not busy."""
        return round(self.report.cycles - (row or self.busiest).busy)

    @cached_property
    def _workers(self) -> dict[tuple[str, str], int]:
        return workers(self.report)

    def mean(self, core: str, pipe: str, number: float) -> float:
        """A number summed over cores, for one of those that the pipe works on."""
        return number / max(1, self._workers.get((core, pipe), 0))

    def waits(self, chosen: Callable[[Wait], bool]) -> list[tuple[int, Wait]]:
        """Waits with their number in the report, the longest first."""
        return [(i, wait) for i, wait in enumerate(self.report.waits) if chosen(wait)]

    def on_path(self, chosen: Callable[[PathShare], bool]) -> list[tuple[int, PathShare]]:
        """Shares of the critical path with their number, the longest first."""
        return [(i, share) for i, share in enumerate(self.path) if chosen(share)]

    def roofs(self, core: str, pipe: str) -> list[tuple[int, Roof]]:
        """Resources that a pipe uses, with their number in the report."""
        return [
            (i, roof)
            for i, roof in enumerate(self.report.roofline)
            if (roof.core, roof.pipe) == (core, pipe)
        ]

    def events(self, core: str, source: str, target: str) -> int:
        """How many different events a kind of core uses between two pipes."""
        events = self.recording.events
        chosen = events[events["kind"] == SET]
        chosen = chosen[(chosen["core"] % 3 == 0) == (core == "aic")]
        pair = PIPES.index(source) << 3 | PIPES.index(target)
        return len(np.unique(chosen["detail"][chosen["detail"] >> 3 == pair]))

    @cached_property
    def computing(self) -> list[PipeRow]:
        """The pipes that compute: M and V."""
        return [row for row in self.rows if row.pipe in ("M", "V") and row.busy]

    def span(self, core: str, pipe: str) -> tuple[int, int]:
        """When the first data instruction of a pipe starts on any core, and the last one ends."""
        chosen = self._data(core, pipe)
        return (int(chosen["start"].min()), int(chosen["end"].max())) if len(chosen) else (0, 0)

    def _data(self, core: str, pipe: str) -> NDArray[np.void]:
        """Data events of a pipe, all cores of a kind."""
        events = self.recording.events
        chosen = (events["kind"] == DATA) & (events["pipe"] == PIPES.index(pipe))
        chosen &= (events["core"] % 3 == 0) == (core == "aic")
        found: NDArray[np.void] = events[chosen]
        return found

    def has_slots(self, core: str, source: str) -> bool:
        """Whether a pipe hands over with more than one event: it has more than one buffer."""
        return any(self.events(core, source, target) > 1 for target in PIPES if target != source)

    def executions(self, core: str, pipe: str) -> int:
        """How many data instructions a pipe executed, all cores of a kind."""
        return len(self._data(core, pipe))

    @cached_property
    def _places(self) -> Places:
        found = [line.where for line in self.report.lines]
        found += [wait.set_where for wait in self.report.waits]
        return Places(found)

    def place(self, where: str) -> str:
        """A place, as short as it can be told apart."""
        return self._places.short(where)


def pointers(list_name: str, numbers: Iterable[int], most: int = 3) -> list[str]:
    """JSON pointers into a list of the report."""
    return [f"/{list_name}/{number}" for number in list(numbers)[:most]]
