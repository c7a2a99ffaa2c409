"""Several runs next to each other: one column a run, one row a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from npuemu.report.figures import BUSY, IDLE, LAST, Figure, figures, merged, shown
from npuemu.report.json_schema import Report
from npuemu.report.summary import percent, verdict
from npuemu.report.tables import PLAIN_WIDTH, Column, Style, table


@dataclass(frozen=True)
class Entry:
    """One run of the comparison; ``extra`` are rows of its own, such as error figures."""

    title: str
    report: Report
    extra: Mapping[str, str] = field(default_factory=dict)


Row = tuple[Figure, list[Figure | None]]


def _cell(figure: Figure | None) -> str:
    """A value with its share of the whole: of a pipe the share alone."""
    if figure is None:
        return "-"
    if figure.group == "pipe":
        return percent(figure.share)
    text = shown(figure.value, figure.unit)
    return f"{text} ({percent(figure.share)})" if figure.whole else text


def _stalled(figures: Sequence[Figure], pipe: str) -> str:
    """All stalls of a pipe and the cause with most of them: `23.0% (dispatch)`."""
    found = [f for f in figures if f.owner == pipe and f.group == "pipe"]
    stalls = [f for f in found if f.what not in (BUSY, IDLE)]
    if not stalls:
        return "-"
    return f"{percent(sum(f.share for f in stalls))} ({stalls[0].what})"


def _wanted(row: Row) -> bool:
    """Whether a row belongs here: of pipes but S the work, of GM the totals, no empty memory."""
    figure, values = row
    if figure.group == "pipe":
        return figure.what == BUSY and not figure.owner.endswith(" S")
    if figure.group == "memory":
        return any(value and value.value for value in values)
    return figure.group != "traffic" or figure.owner in LAST


def compare(entries: Sequence[Entry], style: Style | None = None) -> str:
    """A table of the runs: time, pipes, stalls, peak occupancy, GM traffic, work, own rows.

    Shares of pipes are means over the cores of a kind that have work for them.
    """
    runs = [figures(entry.report) for entry in entries]
    rows = []
    for figure, values in filter(_wanted, merged(runs)):
        rows.append([figure.name, *map(_cell, values)])
        if figure.group == "pipe":
            stalled = [_stalled(run, figure.owner) for run in runs]
            rows.append([f"{figure.owner} stalled", *stalled])
    rows.append(["diagnostics", *(verdict(entry.report) for entry in entries)])
    extra = list(dict.fromkeys(name for entry in entries for name in entry.extra))
    rows += [[name, *(entry.extra.get(name, "-") for entry in entries)] for name in extra]
    style = style or Style()
    narrow = style.width < PLAIN_WIDTH
    columns = [Column(""), *(Column(entry.title, right=True, wrap=narrow) for entry in entries)]
    return table(columns, rows, style)
