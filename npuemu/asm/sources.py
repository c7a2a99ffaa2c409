"""Source files: reading, and finding what ``.include`` names."""

from __future__ import annotations

from pathlib import Path

from npuemu.asm.blocks import build
from npuemu.asm.lexer import LineError
from npuemu.asm.messages import error
from npuemu.asm.syntax import Node, Span
from npuemu.data import folder as data_folder

MAX_BYTES = 4 << 20


def bundled_include() -> Path | None:
    """The ``include`` folder of the bundled programs, installed or in a source tree."""
    place = data_folder("programs") / "include"
    return place if place.is_dir() else None


def read_bytes(path: Path, limit: int) -> bytes:
    """A regular file's contents; OSError or ValueError says why not."""
    if not path.is_file():
        raise OSError("no such file" if not path.exists() else "not a regular file")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"larger than {limit} bytes")
    return data


def read_text(path: Path) -> str:
    """A source file's text (UTF-8); raises `AsmError` A104."""
    try:
        return read_bytes(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error("A104", f"{path} is not UTF-8 text: {problem.reason}") from None
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise error("A104", f"cannot read {path}: {reason}") from None


class Sources:
    """Parsed files of one assembly, and where includes are searched.

    The order is: beside the including file, then ``include_path`` in its order, then the
    bundled programs' ``include`` folder.
    """

    def __init__(self, include_path: tuple[Path, ...]) -> None:
        bundled = bundled_include()
        self.folders = include_path + ((bundled,) if bundled else ())
        self.parsed: dict[Path, tuple[Node, ...]] = {}
        self.once: set[str] = set()

    def main(self, text: str, file: str) -> tuple[Node, ...]:
        """Parse the kernel's own text."""
        if len(text) > MAX_BYTES:
            raise error("A104", f"{file} is larger than {MAX_BYTES} characters")
        return build(text, file)

    def include(self, name: str, beside: Path | None, span: Span) -> tuple[Node, ...]:
        """The nodes of an include file."""
        folders = (beside, *self.folders) if beside is not None else self.folders
        if name.startswith("/"):
            folders = (Path("/"),)
        for folder in folders:
            path = folder / name
            try:
                found = path.is_file()
            except (OSError, ValueError):
                found = False
            if found:
                if path not in self.parsed:
                    self.parsed[path] = build(read_text(path), str(path))
                return self.parsed[path]
        searched = ", ".join(str(folder) for folder in folders) or "no folder"
        raise LineError("A105", f"no include file '{name}'", span, help=f"searched {searched}")
