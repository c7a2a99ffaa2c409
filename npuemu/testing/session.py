"""What a test knows of its place, and what the tests of one pytest process share."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from npuemu import api
from npuemu.asm.program import Program
from npuemu.machine import Machine
from npuemu.testing import OPTION

_LONGEST = 100
"""Characters of a folder's name; what is cut off goes into a hash."""


@dataclass(frozen=True)
class TestPlace:
    """Where a test stands: its file, its name in it, pytest's root, where pytest was started."""

    __test__ = False

    file: Path
    name: str
    root: Path
    started: Path

    @property
    def test(self) -> str:
        """The test as pytest takes it on its command line, from the root."""
        return f"{_relative(self.file, self.root)}::{self.name}"

    @property
    def command(self) -> str:
        """The command that records the golden tensors of this test."""
        test = f"{_relative(self.file, self.started)}::{self.name}"
        return f"pytest {shlex.quote(test)} {OPTION}"

    @property
    def folder(self) -> Path:
        """The folder of this test's golden tensors."""
        function, bracket, rest = self.name.partition("[")
        exact = function.replace("::", ".") + ("-" + rest.removesuffix("]") if bracket else "")
        plain = re.sub(r"[^A-Za-z0-9_.=-]+", "-", exact)
        if plain != exact or len(plain) > _LONGEST:
            digest = hashlib.sha256(self.name.encode()).hexdigest()[:8]
            plain = f"{plain[:_LONGEST]}-{digest}"
        return self.file.parent / "golden" / self.file.stem / plain

    def shown(self, path: Path) -> str:
        """A path as a person started pytest would write it."""
        return _relative(path, self.started)


@dataclass
class Session:
    """What the tests of one pytest process share: assembled kernels, machines, what was written."""

    update_golden: bool = False
    written: list[str] = field(default_factory=list)
    programs: dict[Hashable, tuple[Program, Machine | None]] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)

    def program(
        self,
        source: Hashable,
        machine: Machine | None,
        blocks: int | None,
        params: Mapping[str, Any],
        build: Callable[[], Program],
    ) -> Program:
        """The assembled kernel, built once for the same source, machine, blocks and parameters."""
        bound = tuple(sorted((name, repr(value)) for name, value in params.items()))
        key = (source, id(machine), repr(blocks), bound)
        if key not in self.programs:
            self.programs[key] = (build(), machine)  # keeps the machine: its id stays its own
        return self.programs[key][0]

    def machine(self, name: str) -> Machine:
        """The machine of that name or path, loaded once."""
        if name not in self.machines:
            self.machines[name] = api.machine(name)
        return self.machines[name]


def _relative(path: Path, folder: Path) -> str:
    """`path` as seen from `folder`, where that is not longer than the path itself."""
    seen = Path(os.path.relpath(path, folder)).as_posix()
    return seen if len(seen) < len(str(path)) else str(path)
