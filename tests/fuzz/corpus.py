"""What is mutated: the bundled kernels and the small texts of `kernels/`."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from npuemu import data

SMALL = (16, 32, 48, 64, 128)
"""Values drawn for parameters of bundled kernels, so that a case takes milliseconds."""
SIZES = ("M", "N", "K")


@dataclass(frozen=True)
class Source:
    """A kernel text, the folder of its includes, and the names of its size parameters."""

    name: str
    text: str
    folder: Path
    sizes: tuple[str, ...]

    @property
    def bundled(self) -> bool:
        """Whether its sizes may be drawn: the small texts fit only theirs."""
        return self.folder.name != "kernels"

    def params(self, rng: random.Random) -> dict[str, int]:
        """Small values for the size parameters."""
        return {name: rng.choice(SMALL) for name in self.sizes} if self.bundled else {}


@cache
def sources() -> tuple[Source, ...]:
    """All texts, in a fixed order."""
    paths = sorted((Path(__file__).parent / "kernels").glob("*.npu"))
    paths += sorted(data.folder("programs").glob("*/kernel.npu"))
    found = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        declared = re.findall(r"^\s*\.param\s+(\w+)", text, re.MULTILINE)
        name = path.stem if path.parent.name == "kernels" else path.parent.name
        sizes = tuple(n for n in SIZES if n in declared)
        found.append(Source(name, text, path.parent, sizes))
    return tuple(found)
