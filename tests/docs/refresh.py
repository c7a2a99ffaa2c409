"""Runs a page and writes the outputs that it shows again: ``python -m tests.docs.refresh PAGE``.

A shown output keeps its gaps (``...``): each piece between two gaps is replaced by the lines that
now look most like it, figures aside. Prose is left alone; the page's test names its stale figures.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.docs.pages import Reader, commands


def shape(line: str) -> str:
    """A line without its figures, bars and spacing."""
    line = re.sub(r"\d[\d,.]*", "0", line)
    return re.sub(r"[#.]{3,}|-{2,}|\s+", " ", line).strip()


def place(piece: list[str], came: list[str], start: int, last: bool) -> int:
    """Where in the output, from ``start`` on, the lines look most like a piece of the shown."""
    if last:
        return max(start, len(came) - len(piece))
    shapes = [shape(line) for line in came]

    def unlike(at: int) -> int:
        return sum(shape(line) != shapes[at + i] for i, line in enumerate(piece))

    return min(range(start, max(start, len(came) - len(piece)) + 1), key=unlike)


def renewed(shown: list[str], came: list[str]) -> list[str]:
    """The shown lines with today's figures."""
    pieces: list[list[str]] = [[]]
    for line in shown:
        if line == "...":
            pieces.append([])
        else:
            pieces[-1].append(line)
    lines: list[str] = []
    start = 0
    for number, piece in enumerate(pieces):
        if number:
            lines.append("...")
        if piece:
            ends = number == len(pieces) - 1
            at = place(piece, came, start, ends) if number else 0
            found = came if len(pieces) == 1 else came[at : at + len(piece)]
            if [shape(x) for x in found] != [shape(x) for x in piece]:
                sys.stderr.write("look at:\n" + "\n".join(found) + "\n\n")
            lines += found
            start = at + len(piece)
    return lines


class Refresher(Reader):
    """Reads a page and remembers what its console blocks should say."""

    def __init__(self, folder: Path) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        super().__init__(folder, SimpleNamespace(readouterr=self.readouterr))  # type: ignore[arg-type]
        self.changes: list[tuple[str, str]] = []

    def readouterr(self) -> Any:
        """As pytest's capsys: what was written since the last call."""
        texts = [stream.getvalue() for stream in (self.out, self.err)]
        for stream in (self.out, self.err):
            stream.seek(0)
            stream.truncate()
        return SimpleNamespace(out=texts[0], err=texts[1])

    def command(self, command: str) -> list[str]:
        with contextlib.redirect_stdout(self.out), contextlib.redirect_stderr(self.err):
            return super().command(command)

    def console(self, text: str) -> None:
        lines = []
        for command, shown in commands(text):
            came = self.command(command)
            while came and not came[-1]:
                came = came[:-1]
            lines += [f"$ {command}", *(renewed(shown, came) if any(shown) else [])]
        self.changes.append((text, "\n".join(lines) + "\n"))

    def diff(self, text: str) -> None:
        """Checked by the test."""


def main(name: str) -> None:
    """Refresh one page."""
    page = Path(name).resolve()
    with tempfile.TemporaryDirectory() as folder:
        for file in page.parent.iterdir():
            if file.suffix in (".npu", ".py"):
                shutil.copy(file, folder)
        os.chdir(folder)
        reader = Refresher(Path(folder))
        reader.read(page)
    text = page.read_text(encoding="utf-8")
    for old, new in reader.changes:
        text = text.replace(old, new, 1)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
