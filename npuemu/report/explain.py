"""Diagnostics explained: the list of all codes, and a page as a terminal or a pipe shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from npuemu import pages
from npuemu.report.tables import PLAIN_WIDTH, Column, Style, table, to_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

GROUPS = {
    "E1": "Faults that end a run",
    "E2": "Races, unwritten memory, timing",
    "W1": "Warnings of arithmetic and flags",
    "W2": "Work for nothing",
    "A1": "The text of a kernel",
    "A2": "Names",
    "A3": "Instructions",
    "A4": "Expressions",
    "A5": "Declarations",
    "A6": "Sections and control flow",
    "A7": "Limits",
    "A8": "What a text is assembled for",
    "A9": "Binaries",
}
"""Headings by the first two characters of a code."""

_COLORS = {"E": "bold red", "W": "bold yellow", "A": "bold red"}
_LISTING = {
    r"(?m)^\s*(\.\w+)": "magenta",
    r"(?m)^\s*(?:@?\w+:\s*)?([a-z]\w*)": "cyan",
    r"(?m)^\s*(@?\w+:)": "yellow",
    r";.*": "dim",
    r"(?m)^.*; <- [EWA]\d{3}.*$": "not dim bold red",
}
"""What is highlighted in a kernel, later ones over earlier ones."""
_FENCE = re.compile(r"^```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
_WIDEST = 100
_MOST_NEAR = 3


def grouped() -> Iterator[tuple[str, list[pages.Page]]]:
    """(heading, pages) of every group that has pages."""
    for prefix, heading in GROUPS.items():
        found = [pages.page(code) for code in pages.codes() if code.startswith(prefix)]
        if found:
            yield heading, found


def overview(style: Style) -> str:
    """Every code with its title, by groups."""
    columns = [Column("code"), Column("meaning", wrap=True)]
    parts = []
    for heading, found in grouped():
        rows = [[page.code, page.title] for page in found]
        parts.append(f"{heading}\n" + table(columns, rows, style, rule=False))
    return "\n".join(parts)


def nearest(name: str) -> list[str]:
    """The codes most like ``name``: those whose title has the word, else the nearest numbers."""
    word = re.compile(rf"\b{re.escape(name)}", re.IGNORECASE)
    known = pages.codes()
    titled = [code for code in known if len(name) > 2 and word.search(pages.page(code).title)]
    if titled:
        return titled[:_MOST_NEAR]
    letter, digits = name[:1].upper(), re.sub(r"\D", "", name)
    same = [code for code in known if code[0] == letter] or list(known)
    number = int(digits) if digits else 0
    same.sort(key=lambda code: abs(int(code[1:]) - number))
    return same[:_MOST_NEAR]


def explained(code: str, style: Style) -> str:
    """The page of a code: rendered where lines have a width and the characters, else Markdown."""
    page = pages.page(code)
    head = f"{page.code}: {page.title}"
    if not style.unicode:
        return f"# {head}\n\n{page.text}"
    return _rendered(code, head, page.text, style)


def _rendered(code: str, head: str, text: str, style: Style) -> str:
    """Prose as wide as it reads well; kernels in lines that are never cut."""
    from rich.text import Text

    narrow = replace(style, width=min(style.width, _WIDEST))
    parts = [to_text(Text(head, style=_COLORS[code[0]]), narrow)]
    for i, piece in enumerate(_FENCE.split(text)):
        if i % 2:
            parts.append(to_text(_listing(piece), replace(style, width=PLAIN_WIDTH)))
        elif piece.strip():
            parts.append(to_text(_prose(piece), narrow))
    return "\n".join(parts)


def _prose(text: str) -> RenderableType:
    """Headings and paragraphs, an empty line between two parts."""
    from rich.console import Group
    from rich.markdown import Markdown
    from rich.text import Text

    parts: list[RenderableType] = []
    for i, piece in enumerate(_HEADING.split(text)):
        if not piece.strip():
            continue
        if parts:
            parts.append(Text())
        parts.append(Text(piece, style="bold") if i % 2 else Markdown(piece, hyperlinks=False))
    return Group(*parts)


def _listing(text: str) -> Text:
    """A kernel with its words coloured and the marked lines standing out."""
    from rich.text import Text

    found = Text("\n".join(f"    {line}" for line in text.splitlines()), no_wrap=True)
    for pattern, style in _LISTING.items():
        for match in re.finditer(pattern, found.plain):
            found.stylize(style, *match.span(match.re.groups))
    return found
