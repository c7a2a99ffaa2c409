"""From a line of the text to the data instructions that it stands for."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import PurePath

from npuemu.asm.errors import Location
from npuemu.asm.program import Program
from npuemu.debug.spec import Spec
from npuemu.engine.decode import Decoded

Row = tuple[int, str]
"""A row of the decoded code and the section it belongs to."""


def short(file: str) -> str:
    """The last part of a path."""
    return PurePath(file).name or file


@dataclass
class Lines:
    """Data instructions by file and line: of the lines that spell them, and of those that call
    macros with them.
    """

    program: Program
    decoded: Decoded
    own: dict[tuple[str, int], list[Row]] = field(default_factory=dict)
    calls: dict[tuple[str, int], list[Row]] = field(default_factory=dict)
    files: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for section, (base, _) in self.decoded.bases.items():
            for i, location in enumerate(self.program.locations[section]):
                row = base + i
                self.files.setdefault(location.file)
                for place in location.trace:
                    self.files.setdefault(place.file)
                if self.decoded.records[row].is_data:
                    self._add(row, section, location)

    def _add(self, row: int, section: str, location: Location) -> None:
        self.own.setdefault((location.file, location.line), []).append((row, section))
        for place in location.trace:
            rows = self.calls.setdefault((place.file, place.line), [])
            if (row, section) not in rows[-1:]:
                rows.append((row, section))

    def rows(self, spec: Spec) -> list[Row]:
        """The data instructions of a dump's line; `UserError` names the nearest that have some."""
        files = self._files(spec)
        found = [(f, self.own.get((f, spec.line)) or self.calls.get((f, spec.line))) for f in files]
        hits = [(file, rows) for file, rows in found if rows]
        if len(hits) > 1:
            names = ", ".join(f"{short(file)}:{spec.line}" for file, _ in hits)
            raise spec.error(f"line {spec.line} could be one of {names}: name the file")
        if not hits:
            file = files[0] if len(files) == 1 else ""
            of = f" of {short(file)}" if file else ""
            message = f"line {spec.line}{of} has no data instruction"
            raise spec.error(message + self._near(spec.line, set(files)))
        return hits[0][1]

    def _files(self, spec: Spec) -> list[str]:
        """The files that a dump may mean: the kernel's own, or those that its name fits."""
        if spec.file is None:
            own = self.program.source
            return [own] if own else list(self.files)
        wanted = PurePath(spec.file)
        found = [f for f in self.files if _fits(PurePath(f), wanted)]
        if not found:
            names = [short(f) for f in self.files]
            near = difflib.get_close_matches(wanted.name, names, 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            known = ", ".join(dict.fromkeys(names))
            raise spec.error(
                f"no instruction is from a file '{spec.file}'{hint} (there are {known})"
            )
        return found

    def _near(self, line: int, files: set[str]) -> str:
        with_data = sorted({n for f, n in (*self.own, *self.calls) if f in files})
        before = [n for n in with_data if n < line][-1:]
        after = [n for n in with_data if n > line][:1]
        near = " and ".join(map(str, before + after))
        return f"; the nearest with one: {near}" if near else ""


def _fits(file: PurePath, wanted: PurePath) -> bool:
    """Whether a path ends in all parts of another."""
    return file.parts[-len(wanted.parts) :] == wanted.parts
