"""Generated pages: written by ``make docs``, compared by ``make docs-check``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

Row = Iterable[object]


def table(head: tuple[str, ...], rows: Iterable[Row]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(str(c).replace('|', chr(92) + '|') for c in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def write_or_check(arguments: list[str], text: str, source: str) -> int:
    """``[--check] FILE``: write ``text``, or say whether the file is it. Returns the status."""
    path = Path(arguments[-1])
    if "--check" not in arguments:
        path.write_text(text, encoding="utf-8")
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"error: {path} is not what {source}; run `make docs`\n")
    return 1
