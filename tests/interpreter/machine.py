"""The facts of a machine file that numbers and order depend on."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.interpreter.decode import PIPES, ROOT

CUBE_MEMORIES = ("L1", "L0A", "L0B", "L0C", "BT", "FB", "L0A_MX", "L0B_MX")


@dataclass(frozen=True)
class Machine:
    """capacity: bytes by local memory; protected: pipes that order their own instructions;
    l0a_nz: whether the fractals of L0A lie column after column.
    """

    name: str
    capacity: dict[str, int]
    queue_depth: int
    protected: frozenset[int]
    l0a_nz: bool
    features: frozenset[str]
    casts: dict[str, tuple[str, ...]]


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        table = isinstance(value, dict) and "value" not in value
        merged[key] = _merge(old, value) if table and isinstance(old, dict) else value
    return merged


def _tables(path: Path) -> dict[str, Any]:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    base = raw.pop("base", None)
    if base is None:
        return raw
    beside = path.parent / f"{base}.toml"
    return _merge(_tables(beside if beside.is_file() else _built_in(base)), raw)


def _built_in(name: str) -> Path:
    return ROOT / "machines" / f"{name}.toml"


@cache
def load(name: str) -> Machine:
    """A built-in machine by its name, or a machine file by its path."""
    raw = _tables(Path(name) if name.endswith(".toml") else _built_in(name))
    return Machine(
        raw["name"],
        {memory: figure["value"] for memory, figure in raw["memory"].items()},
        raw["die"]["queue_depth"]["value"],
        frozenset(PIPES[pipe] for pipe in raw["protection"]["pipes"]["value"]),
        raw["layout"]["l0a"] == "NZ",
        frozenset(raw.get("features", ())),
        {pair: tuple(modes) for pair, modes in raw["casts"]["pairs"].items()},
    )
