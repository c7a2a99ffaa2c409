"""A study as people and programs read it: terminal, JSON, CSV, HTML."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from html import escape
from typing import Any

from npuemu.report.html import PAGE_CSS
from npuemu.report.plot import Axes, Point, svg
from npuemu.report.tables import Column, Style, table
from npuemu.reproduce.rows import Curve, Part, Plot, Result, Row

SCHEMA = "npuemu-study-1"
KEYS = ("section", "claim", "paper", "ours", "where", "verdict")
_LONG = 60  # rows of a section beyond which mere figures are left to the files
_NARROW = 100  # columns of a terminal under which `where` stands below its row

_CSS = """
table { border-collapse: collapse; font: 13px/1.45 system-ui, sans-serif; }
th, td { padding: 3px 12px 3px 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid rgba(128,128,128,.25); }
td.n { white-space: nowrap; font-variant-numeric: tabular-nums; }
.disagrees, .FAILS { color: #c0392b; } .agrees, .holds { color: #2e7d4f; }
.muted { color: #808080; } h1, h2, p { font-family: system-ui, sans-serif; }
h1 { font-size: 20px; } h2 { font-size: 16px; margin-top: 2em; } svg { max-width: 100%;
  height: auto; font-family: system-ui, sans-serif; margin-top: 1em; }
"""


def heading(result: Result) -> str:
    """One line: what was studied, how much was drawn, and how it came out."""
    rows = result.rows
    counts = {
        word: sum(row.verdict == word for row in rows)
        for word in ("agrees", "disagrees", "holds", "FAILS", "not run")
    }
    found = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{result.title}{' (quick)' if result.quick else ''}: {found}"


def terminal(result: Result, style: Style) -> str:
    """All sections as text; without a place for it, ``where`` is left to the files."""
    narrow = style.width < _NARROW
    columns = [
        Column("claim", wrap=True), Column("paper"), Column("ours", wrap=True),
        Column("verdict", style="cyan"),
    ]  # fmt: skip
    if not narrow:
        columns.append(Column("where", wrap=True, style="dim"))
    texts = [heading(result) + "\n"]
    for part in result.parts:
        listed = _shown(part.rows)
        rows = [
            [row.claim, row.paper, row.ours, row.verdict, row.where][: len(columns)]
            for row in listed
        ]
        more = len(part.rows) - len(listed)
        rest = f"... and {more} figures more, in the files of --out\n" if more else ""
        texts.append(f"{part.section.title}\n{table(columns, rows, style)}{rest}")
    if narrow:
        texts.append("(a terminal of 100 columns shows where each figure comes from)\n")
    return "\n".join(texts)


def _shown(rows: Sequence[Row]) -> Sequence[Row]:
    """All rows of a section; of a long one those with a verdict or a figure of the paper."""
    return rows if len(rows) <= _LONG else [r for r in rows if r.verdict or r.paper]


def record(section: str, row: Row) -> dict[str, Any]:
    """A row as JSON has it."""
    return {
        "section": section, "claim": row.claim, "paper": row.paper, "ours": row.ours,
        "where": row.where, "verdict": row.verdict, "agrees": row.agrees, "value": row.value,
    }  # fmt: skip


def as_json(result: Result) -> str:
    """The rows and the points of the plots; a key `schema` names the version of this form."""
    import npuemu

    rows = [record(part.section.title, row) for part in result.parts for row in part.rows]
    plots = [
        {"title": plot.title, "x": plot.x, "y": plot.y, "curves": merged(part.curves, plot)}
        for part in result.parts
        for plot in part.section.plots
    ]
    whole = {
        "schema": SCHEMA, "study": result.study, "source": result.title, "quick": result.quick,
        "npuemu": npuemu.__version__, "rows": rows, "plots": plots,
    }  # fmt: skip
    return json.dumps(whole, indent=1) + "\n"


def as_csv(result: Result) -> str:
    """The rows under one line of names."""
    target = io.StringIO()
    writer = csv.DictWriter(target, KEYS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for part in result.parts:
        writer.writerows(record(part.section.title, row) for row in part.rows)
    return target.getvalue()


def merged(curves: Sequence[Curve], plot: Plot) -> dict[str, list[Point]]:
    """The curves of a plot by name; points that several steps gave are joined."""
    found: dict[str, list[Point]] = {}
    for curve in curves:
        if curve.plot == plot.key:
            found.setdefault(curve.name, []).extend(curve.points)
    return found


def drawn(part: Part) -> list[str]:
    """The plots of a section as SVG; one without points is left out."""
    found = []
    for plot in part.section.plots:
        curves = merged(part.curves, plot)
        if curves:
            axes = Axes(plot.title, plot.x, plot.y, plot.log_x, plot.log_y)
            found.append(svg(axes, curves))
    return found


def as_html(result: Result) -> str:
    """One page with tables and plots; no script, nothing fetched."""
    body = [f"<h1>{escape(result.title)}</h1><p>{escape(heading(result))}</p>"]
    for part in result.parts:
        head = "".join(f"<th>{name}</th>" for name in KEYS[1:])
        rows = "".join(_html_row(row) for row in part.rows)
        body.append(
            f"<h2>{escape(part.section.title)}</h2><p class='muted'>{escape(part.section.remark)}"
            f"</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )
        body += drawn(part)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>npuemu reproduce '
        f"{escape(result.study)}</title><style>{PAGE_CSS}{_CSS}</style></head><body>"
        f"{''.join(body)}</body></html>\n"
    )


def _html_row(row: Row) -> str:
    kind = row.verdict.replace(" ", "-")
    return (
        f'<tr><td>{escape(row.claim)}</td><td class="n">{escape(row.paper)}</td>'
        f'<td class="n">{escape(row.ours)}</td><td class="muted">{escape(row.where)}</td>'
        f'<td class="{kind}">{row.verdict}</td></tr>'
    )
