"""What only a terminal shows: the progress bar, and none of it on a pipe."""

from __future__ import annotations

import io
import sys

import pytest

from npuemu.cli.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = _Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with Progress() as progress:
        progress({"done": 3, "total": 10})
        progress({"text": "compiling the vector unit", "done": 4, "total": 10})
    assert "running" in stream.getvalue() and "compiling the vector unit" in stream.getvalue()


def test_nothing_on_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress() as progress:
        progress({"done": 3, "total": None})
    assert stream.getvalue() == ""
