"""Text tables through rich, as strings: aligned everywhere, colour only where it is asked for."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PLAIN_WIDTH = 4096  # text on a pipe is never wrapped or cut


@dataclass(frozen=True)
class Style:
    """How text is to look: colour, block characters, and the columns there are."""

    color: bool = False
    unicode: bool = False
    width: int = PLAIN_WIDTH

    @property
    def bar_cells(self) -> tuple[str, str]:
        """The full and the empty cell of a bar."""
        return ("\u2588", "\u00b7") if self.unicode else ("#", ".")


@dataclass(frozen=True)
class Column:
    """Heading of a table column; numbers stand to the right."""

    title: str
    right: bool = False
    style: str = ""
    wrap: bool = False


def console(style: Style) -> Console:
    """A rich console that writes into a string."""
    from rich.console import Console

    return Console(
        file=io.StringIO(), width=style.width, force_terminal=style.color, no_color=not style.color,
        color_system="standard" if style.color else None, highlight=False, markup=False,
        emoji=False, legacy_windows=False,
    )  # fmt: skip


def to_text(content: RenderableType, style: Style) -> str:
    """What rich would print, without trailing spaces."""
    target = console(style)
    target.print(content)
    assert isinstance(target.file, io.StringIO)
    return "\n".join(line.rstrip() for line in target.file.getvalue().split("\n")).rstrip() + "\n"


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], style: Style, *, rule: bool = True
) -> str:
    """A table without frames: headings, a rule of dashes, aligned cells."""
    from rich.table import Table
    from rich.text import Text

    widths = [
        max([len(c.title)] + [len(row[i]) for row in rows if not c.wrap])
        for i, c in enumerate(columns)
    ]
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for column in columns:
        grid.add_column(
            justify="right" if column.right else "left", style=column.style,
            no_wrap=not column.wrap, overflow="fold",
        )  # fmt: skip
    if rule:
        grid.add_row(*(Text(column.title, style="bold") for column in columns))
        grid.add_row(*(Text("-" * width, style="dim") for width in widths))
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    return to_text(grid, style)
