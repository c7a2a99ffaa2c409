"""The comparison of vector programs with the formats' functions: that it sees every difference."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from npuemu.reproduce import vectors
from npuemu.reproduce.rows import Row

Edit = Callable[[dict[str, np.ndarray]], None]


def _confirm(monkeypatch: pytest.MonkeyPatch, pair: vectors.Pair, edit: Edit) -> Row:
    """The row of a program that gives the function's result, edited."""

    def run(program: Any, inputs: dict[str, np.ndarray], **_: Any) -> SimpleNamespace:
        found = pair.convert(inputs["A"].astype(np.float32))
        outputs = {name: getattr(found, part).copy() for name, part in pair.parts.items()}
        edit(outputs)
        return SimpleNamespace(ok=True, outputs=outputs, diagnostics=[])

    info = SimpleNamespace(name=pair.kernel, machines=("ascend950pr",))
    fake = SimpleNamespace(list_kernels=lambda: [info], load=lambda *a, **k: None, run=run)
    monkeypatch.setattr(vectors, "api", fake)
    monkeypatch.setattr(vectors, "available", lambda name: True)
    (row,) = vectors.Confirmed(8).confirm(pair).rows
    return row


@pytest.mark.parametrize("pair", vectors.PAIRS, ids=lambda pair: pair.kernel)
def test_every_part_is_compared(monkeypatch: pytest.MonkeyPatch, pair: vectors.Pair) -> None:
    assert _confirm(monkeypatch, pair, lambda outputs: None).verdict == "holds"
    for name in pair.parts:

        def flip(outputs: dict[str, np.ndarray], name: str = name) -> None:
            vectors.raw(outputs[name]).reshape(-1)[3] ^= 2

        row = _confirm(monkeypatch, pair, flip)
        assert row.verdict == "FAILS" and f"1 of {name} differ" in row.where

    def drop(outputs: dict[str, np.ndarray]) -> None:
        outputs.popitem()

    assert "its outputs are" in _confirm(monkeypatch, pair, drop).where


def test_codes_without_a_meaning_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = next(p for p in vectors.PAIRS if p.kernel == "quantize_mxfp4")

    def fill(outputs: dict[str, np.ndarray]) -> None:
        bad = np.repeat(outputs["Q_scale"] == 255, 32, axis=1)
        assert bad.any()
        outputs["Q"][bad] = 7

    assert _confirm(monkeypatch, pair, fill).verdict == "holds"


def test_the_sign_of_a_second_zero_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = next(p for p in vectors.PAIRS if p.kernel == "quantize_mxfp4_msd")
    for part, verdict in (("Low", "holds"), ("High", "FAILS")):

        def clear(outputs: dict[str, np.ndarray], part: str = part) -> None:
            assert (outputs[part] == 8).any()
            outputs[part][outputs[part] == 8] = 0

        assert _confirm(monkeypatch, pair, clear).verdict == verdict


def test_a_program_that_is_not_there() -> None:
    pair = vectors.Pair("quantize_none", vectors.PAIRS[0].convert, {})
    (row,) = vectors.Confirmed(8).confirm(pair).rows
    assert row.verdict == "not run" and "quantize_none is not among" in row.where
