"""The text of a source line named by a diagnostic."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class Sources:
    """Looks lines up by `file:line`, below the folder of the kernel if the name is relative."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._read: dict[Path, list[str]] = {}

    def __call__(self, where: str) -> str | None:
        """The line's text, or None when the file or line is not there."""
        name, number = self._split(where)
        if name is None:
            return None
        places = [Path(name)] + ([self._folder / name] if self._folder else [])
        for path in places:
            lines = self._lines(path)
            if 0 < number <= len(lines):
                return lines[number - 1]
        return None

    def files(self, places: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Lines of all files that ``places`` name, by the name they are named with."""
        names = {name for name, _ in map(self._split, places) if name is not None}
        found = {}
        for name in sorted(names):
            folders = [Path(), *([self._folder] if self._folder else [])]
            lines = next((text for f in folders if (text := self._lines(f / name))), None)
            if lines:
                found[name] = tuple(lines)
        return found

    def _lines(self, path: Path) -> list[str]:
        """The file's lines, read once for this command; none if it cannot be read."""
        if path not in self._read:
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except (OSError, ValueError):
                text = ""
            self._read[path] = text.splitlines()
        return self._read[path]

    @staticmethod
    def _split(where: str) -> tuple[str | None, int]:
        """`file:line` or `file:line:column` -> file and line."""
        parts = where.split()[0].split(":") if where.strip() else []
        while len(parts) > 2 and parts[-1].isdigit() and parts[-2].isdigit():
            parts.pop()
        if len(parts) < 2 or not parts[-1].isdigit():
            return None, 0
        return ":".join(parts[:-1]), int(parts[-1])
