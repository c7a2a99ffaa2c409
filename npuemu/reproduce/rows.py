"""What a study finds: rows of claims, curves for plots, and the steps that make them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from npuemu.errors import NpuemuError

Verdict = Literal["agrees", "disagrees", "", "holds", "FAILS", "not run"]
"""``agrees``, ``disagrees``: with the paper's figure; empty: the paper gives none; ``holds``,
``FAILS``: a check of our own; ``not run``: something that it needs is not there."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    claim: what the figure is of; paper: the paper's figure, empty where it gives none; ours: the
    same as measured here; where: distribution, sizes, kernel and machine; agrees: whether ours is
    what the paper says, None where it says nothing; value: ours as a number; sound: whether a check
    of our own held (a kernel gave the defined bits, a bound was kept), None where there was none;
    missing: nothing was measured, ``where`` says why.
    """

    claim: str
    paper: str
    ours: str
    where: str
    agrees: bool | None = None
    value: float | None = None
    sound: bool | None = None
    missing: bool = False

    @property
    def verdict(self) -> Verdict:
        """The row in a word; a failed check of our own weighs most."""
        if self.missing:
            return "not run"
        if self.sound is False:
            return "FAILS"
        if self.agrees is not None:
            return "agrees" if self.agrees else "disagrees"
        return "holds" if self.sound else ""


@dataclass(frozen=True)
class Curve:
    """One line of a plot: ``points`` of (x, y), x a number or the name of a group of bars;
    curves with the same ``plot`` share its axes, those of one name are joined."""

    plot: str
    name: str
    points: tuple[tuple[float | str, float], ...]


@dataclass(frozen=True)
class Plot:
    """Axes of a plot. ``log_x``: ticks at the points, evenly spaced by ratio."""

    key: str
    title: str
    x: str
    y: str
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Found:
    """What one step adds."""

    rows: Sequence[Row] = ()
    curves: Sequence[Curve] = ()


@dataclass(frozen=True)
class Step:
    """A piece of work of seconds; ``title`` is what the progress bar says meanwhile."""

    title: str
    run: Callable[[], Found]


@dataclass(frozen=True)
class Section:
    """A part of the table: its heading, a remark on how to read it, its steps and plots."""

    title: str
    remark: str
    steps: tuple[Step, ...]
    plots: tuple[Plot, ...] = ()


@dataclass
class Part:
    """A section that has run."""

    section: Section
    rows: list[Row] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """A study that has run: its name and title, how much was drawn, and its parts."""

    study: str
    title: str
    quick: bool
    parts: tuple[Part, ...]

    @property
    def rows(self) -> list[Row]:
        """All rows in order."""
        return [row for part in self.parts for row in part.rows]

    @property
    def sound(self) -> bool:
        """Whether every check of our own held; disagreement with the paper is a result."""
        return all(row.sound is not False for row in self.rows)


Tell = Callable[[dict[str, Any]], None]
"""Takes `step`, `done` and `total`, or a `text` for the person."""


def _found(step: Step) -> Found:
    """What a step adds; one that breaks off is a failed row, and the study goes on."""
    try:
        return step.run()
    except NpuemuError as error:
        return Found([Row(step.title, "", "-", str(error).splitlines()[0], sound=False)])


def run(
    study: str, title: str, quick: bool, sections: Iterable[Section], tell: Tell | None = None
) -> Result:
    """Run all steps in order; ``tell`` gets `step`, `done` and `total` before each."""
    listed = list(sections)
    total, done, parts = sum(len(s.steps) for s in listed), 0, []
    for section in listed:
        part = Part(section)
        for step in section.steps:
            if tell is not None:
                tell({"step": step.title, "done": done, "total": total})
            found = _found(step)
            part.rows += found.rows
            part.curves += found.curves
            done += 1
        parts.append(part)
    if tell is not None:
        tell({"step": "done", "done": total, "total": total})
    return Result(study, title, quick, tuple(parts))
