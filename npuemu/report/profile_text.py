"""A profile as text: the bound, the critical path, the hints with their evidence."""

from __future__ import annotations

import textwrap

from npuemu.report import hot, terminal
from npuemu.report.hot import SourceLine
from npuemu.report.json_schema import Profile, Report
from npuemu.report.places import Places
from npuemu.report.summary import KIND_TITLES, integer, percent
from npuemu.report.tables import Column, Style, table

_ROWS = 10
_SMALL = 110
_TEXT = 48


def bound(profile: Profile, style: Style) -> str:
    """What bounds the run."""
    return f"bound\n{_wrapped(profile.bound.message, '  ', style)}\n"


def _wrapped(text: str, start: str, style: Style) -> str:
    """A text in lines of the style's width, further ones indented like its start."""
    indent = " " * len(start)
    return textwrap.fill(
        text, style.width, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def path(
    report: Report, profile: Profile, style: Style, source_line: SourceLine | None = None
) -> str:
    """The critical path by instruction."""
    places = Places([line.where for line in report.lines])
    columns = [
        Column("pipe", style="cyan"), Column("part"), Column("cycles", True),
        Column("share", True), Column("steps", True), Column("line"),
    ]  # fmt: skip
    wide = style.width >= _SMALL
    columns.append(Column("instruction"))
    rows = []
    for step in profile.critical_path[:_ROWS]:
        share = step.cycles / report.cycles if report.cycles else 0.0
        text = (source_line(step.where) or "") if wide and source_line else ""
        text = " ".join(text.partition(";")[0].split())
        if step.name not in text:
            text = step.name
        if len(text) > _TEXT:
            text = f"{text[: _TEXT - 3].rstrip()}..."
        rows.append([
            f"{KIND_TITLES[step.core]} {step.pipe}", step.part, integer(step.cycles),
            percent(share), integer(step.count), places.short(step.where), text,
        ])  # fmt: skip
    more = len(profile.critical_path) - len(rows)
    cycles = sum(step.cycles for step in profile.critical_path[_ROWS:])
    title = f"critical path ({integer(profile.steps)} steps, {integer(report.cycles)} cycles)\n"
    rest = f"  {more} more lines, {integer(cycles)} cycles (--report has all)\n" if more > 0 else ""
    return title + table(columns, rows, style) + rest


def hints(report: Report, profile: Profile, style: Style) -> str:
    """What to change, the largest gain first."""
    if not profile.hints:
        return "hints\n  none: no single cause is worth 5 % of the run\n"
    lines = ["hints"]
    for number, hint in enumerate(profile.hints, 1):
        share = hint.gain / report.cycles if report.cycles else 0.0
        gain = f" (about {integer(hint.gain)} cycles, {percent(share)})" if hint.gain else ""
        lines.append(_wrapped(f"{hint.message}{gain}", f"  {number}. ", style))
        lines.append(_wrapped(hint.advice, "     = try:  ", style))
        if hint.evidence:
            lines.append(_wrapped(", ".join(hint.evidence), "     = from: ", style))
    return "\n".join(lines) + "\n"


def render(
    report: Report, profile: Profile, style: Style, source_line: SourceLine | None = None
) -> str:
    """The whole profile, with the pipes, waits and roofline that it rests on."""
    parts = [
        terminal.header(report), bound(profile, style), hints(report, profile, style),
        path(report, profile, style, source_line), terminal.pipes(report, style),
        hot.waits(report, style), hot.roofline(report, style),
    ]  # fmt: skip
    if report.diagnostics:
        parts.append("diagnostics\n" + terminal.findings(report, source_line))
    return "\n".join(part for part in parts if part)
