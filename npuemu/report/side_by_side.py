"""Several runs next to each other: one column a run, one row a figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from npuemu.report.json_schema import Report
from npuemu.report.summary import (
    PipeRow,
    duration,
    integer,
    percent,
    pipe_rows,
    size,
    verdict,
)
from npuemu.report.tables import PLAIN_WIDTH, Column, Style, table


@dataclass(frozen=True)
class Entry:
    """One run of the comparison; ``extra`` are rows of its own, such as error figures."""

    title: str
    report: Report
    extra: Mapping[str, str] = field(default_factory=dict)


Figure = Callable[[Report], str]


def _busiest(report: Report) -> dict[str, PipeRow]:
    """The busiest row of every pipe of every kind of core, by `cube M`, `vector V`; S left out."""
    found: dict[str, PipeRow] = {}
    for row in pipe_rows(report):
        key = f"{row.kind} {row.pipe}"
        if row.pipe != "S" and (key not in found or row.busy > found[key].busy):
            found[key] = row
    return found


def _pipe_cells(entries: Sequence[Entry]) -> list[list[str]]:
    rows = [_busiest(entry.report) for entry in entries]
    keys = list(dict.fromkeys(key for found in rows for key in found))
    lines = []
    for key in sorted(keys, key=lambda k: k.split()[0]):
        present = [found.get(key) for found in rows]
        lines.append([f"{key} busy", *(percent(r.share(r.busy)) if r else "-" for r in present)])
        lines.append([f"{key} stalled", *(_stalled(row) for row in present)])
    return lines


def _stalled(row: PipeRow | None) -> str:
    """All stalls of a pipe and the cause with most of them: `23.0% (dispatch)`."""
    causes = row.causes() if row else []
    if row is None or not causes:
        return "-"
    return f"{percent(row.share(row.stalled))} ({causes[0][0]})"


def _buffer_cells(entries: Sequence[Entry]) -> list[list[str]]:
    names = list(dict.fromkeys(name for entry in entries for name in entry.report.buffers))
    lines = []
    for name in names:
        uses = [entry.report.buffers.get(name) for entry in entries]
        if any(use and use.peak_bytes for use in uses):
            cells = [
                f"{size(use.peak_bytes)} ({percent(use.peak_bytes / (use.capacity or 1))})"
                if use else "-" for use in uses
            ]  # fmt: skip
            lines.append([f"{name} peak", *cells])
    return lines


def _macs(report: Report) -> str:
    return ", ".join(f"{integer(n)} {kind}" for kind, n in report.work.macs.items()) or "-"


def compare(entries: Sequence[Entry], style: Style | None = None) -> str:
    """A table of the runs: time, pipes, stalls, peak occupancy, GM traffic, work, own rows."""
    figures: list[tuple[str, Figure]] = [
        ("cycles", lambda r: integer(r.cycles)),
        ("time", lambda r: duration(r.time_us)),
        ("GM read", lambda r: size(r.traffic.gm_read_bytes)),
        ("GM written", lambda r: size(r.traffic.gm_write_bytes)),
        ("multiply-adds", _macs),
        ("vector elements", lambda r: integer(r.work.vector_elements)),
        ("diagnostics", verdict),
    ]
    rows = [[name, *(figure(e.report) for e in entries)] for name, figure in figures]
    rows[2:2] = _pipe_cells(entries) + _buffer_cells(entries)
    extra = list(dict.fromkeys(name for entry in entries for name in entry.extra))
    rows += [[name, *(entry.extra.get(name, "-") for entry in entries)] for name in extra]
    style = style or Style()
    narrow = style.width < PLAIN_WIDTH
    columns = [Column(""), *(Column(entry.title, right=True, wrap=narrow) for entry in entries)]
    return table(columns, rows, style)
