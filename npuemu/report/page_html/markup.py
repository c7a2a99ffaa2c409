"""HTML of the page's tables: cells, bars, embedded values; everything is escaped here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True)
class Cell:
    """A table cell: its HTML, its class, and the value it sorts by (text sorts by itself)."""

    html: str
    kind: str = ""
    value: float | None = None


def text(content: str, kind: str = "l") -> Cell:
    """A cell of plain text."""
    return Cell(escape(content), kind)


def number(value: float, shown: str, kind: str = "") -> Cell:
    """A cell that shows ``shown`` and sorts by ``value``."""
    return Cell(escape(shown), kind, value)


def bar(parts: Sequence[tuple[str, float, str]], width: int = 220) -> str:
    """A bar of (class, share 0..1, tooltip) one after the other."""
    found = "".join(
        f'<i class="{escape(kind)}" style="width:{100 * min(1.0, max(0.0, share)):.2f}%" '
        f'title="{escape(title)}"></i>'
        for kind, share, title in parts
        if share > 0
    )
    return f'<span class="bar" style="width:{width}px">{found}</span>'


def table(
    heads: Sequence[tuple[str, str]], rows: Sequence[Sequence[Cell]], *, sortable: bool = False,
    name: str = "", kind: str = "",
) -> str:  # fmt: skip
    """A table; ``heads`` are (title, class of the column), ``kind`` more classes of its box."""
    top = "".join(f'<th class="{kind}" scope="col">{escape(title)}</th>' for title, kind in heads)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    sorts = "sortable" if sortable else ""
    return (
        f'<div class="scroll {kind}"><table class="{sorts}" id="{escape(name)}">'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(cell: Cell) -> str:
    value = "" if cell.value is None else f' data-v="{cell.value:.10g}"'
    return f'<td class="{cell.kind}"{value}>{cell.html}</td>'


def section(name: str, title: str, body: str, note: str = "") -> str:
    """A part of the page with a heading; empty without a body."""
    if not body:
        return ""
    words = f'<p class="note">{escape(note)}</p>' if note else ""
    return f'<section id="{name}"><h2>{escape(title)}</h2>{words}{body}</section>'


def embedded(name: str, content: Any) -> str:
    """JSON in the page that a script can read; nothing in it can end the element."""
    plain = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    safe = plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/json" id="{name}">{safe}</script>'
