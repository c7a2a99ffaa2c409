"""The worked examples of docs/arithmetic.md are true."""

from __future__ import annotations

import doctest
import sys

import pytest
from golden_loader import PROGRAMS


def test_worked_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(PROGRAMS)])
    page = PROGRAMS.parent / "docs" / "arithmetic.md"
    outcome = doctest.testfile(str(page), module_relative=False)
    assert outcome.attempted > 20 and outcome.failed == 0
