"""Places in a kernel's text, `file:line:column`, as short as they can be told apart."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import NamedTuple


class Place(NamedTuple):
    """A place taken apart; line and column are 0 where it has none."""

    file: str
    line: int
    column: int


def split(where: str) -> Place:
    """`file:line:column` or `file:line` taken apart; anything else is a file."""
    file = where
    numbers: list[int] = []
    while len(numbers) < 2:
        head, colon, tail = file.rpartition(":")
        if not colon or not tail.isdigit():
            break
        file = head
        numbers.append(int(tail))
    line, column = [*reversed(numbers), 0, 0][:2]
    return Place(file, line, column)


class Places:
    """Short names of places: `kernel.npu:12`, with a folder where two files have one name."""

    def __init__(self, places: Iterable[str]) -> None:
        files = {split(where).file for where in places if where}
        self._names = {file: _name(PurePath(file), files) for file in files}

    def short(self, where: str, beside: str = "") -> str:
        """`kernel.npu:12`; only `:12` if ``beside`` is a place in the same file."""
        if not where:
            return ""
        place = split(where)
        if beside and split(beside).file == place.file:
            return f":{place.line}"
        return f"{self._names.get(place.file, place.file)}:{place.line}"


def _name(path: PurePath, files: set[str]) -> str:
    """As many last parts of a path as no other file shares."""
    others = [PurePath(file).parts for file in files if file != str(path)]
    for count in range(1, len(path.parts)):
        tail = path.parts[-count:]
        if all(other[-count:] != tail for other in others):
            return str(PurePath(*tail))
    return str(path)
