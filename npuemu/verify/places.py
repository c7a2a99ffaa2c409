"""Says in words where the true elements of a mask lie: rows, columns, runs and steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
_SHOWN = 4  # runs listed before the rest is only counted


def describe_places(mask: Mask) -> str:
    """Where `mask` (any shape, at least one true) is true, seen as rows and columns.

    All axes but the last are taken together as rows; a vector has indices only.
    """
    if mask.ndim <= 1:
        return _indices("index", "indices", np.atleast_1d(mask))
    flat: Mask = mask.reshape(math.prod(mask.shape[:-1]), mask.shape[-1])
    rows: Mask = np.any(flat, axis=1)
    columns: Mask = np.any(flat, axis=0)
    text = f"{_indices('row', 'rows', rows)}, {_indices('column', 'columns', columns)}"
    count, inside = int(flat.sum()), int(rows.sum()) * int(columns.sum())
    return text if count == inside else f"{text} ({count} of the {inside} there)"


def _indices(one: str, many: str, present: Mask) -> str:
    found = np.flatnonzero(present)
    if len(found) == len(present) > 1:
        return f"all {len(found)} {many}"
    if len(found) == 1:
        return f"{one} {found[0]}"
    step = _common_step(found)
    if step > 1:
        return f"{many} {found[0]}, {found[1]}, ..., {found[-1]} (every {_ordinal(step)})"
    runs = _runs(found)
    text = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs[:_SHOWN])
    return f"{many} {text}" + (f", ... ({len(found)} in all)" if len(runs) > _SHOWN else "")


def _common_step(found: npt.NDArray[Any]) -> int:
    """The one distance between at least three neighbours, 0 if there is none."""
    steps = np.unique(np.diff(found))
    return int(steps[0]) if len(found) > 2 and len(steps) == 1 else 0


def _runs(found: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """Ascending indices as inclusive runs."""
    parts = np.split(found, np.flatnonzero(np.diff(found) > 1) + 1)
    return [(int(part[0]), int(part[-1])) for part in parts]


def _ordinal(n: int) -> str:
    suffix = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"
