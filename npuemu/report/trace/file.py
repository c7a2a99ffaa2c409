"""The trace file: its form by its name, written piece by piece."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from npuemu.observe.recording import Recording
from npuemu.report.trace import chrome, perfetto
from npuemu.report.trace.build import Facts, Progress, build
from npuemu.report.trace.model import Merging

BUDGETS = {"perfetto": 500_000, "json": 200_000}
"""Items of a file, so that it stays under 100 MB."""
GZIP_LEVEL = 4


@dataclass(frozen=True)
class Written:
    """What was written: the file's items (slices and moments), arrows and bytes, and what had to
    be merged for that.
    """

    path: str
    items: int
    arrows: int
    bytes: int
    merging: Merging

    def __str__(self) -> str:
        """A line, or two when something was merged."""
        merged = f"\n{self.path}: {self.merging}" if str(self.merging) else ""
        size = f"{self.bytes / 1e6:.1f} MB"
        return f"{self.path}: {self.items:,} slices, {self.arrows:,} arrows, {size}{merged}"


def form(path: str | Path) -> str:
    """``json`` for names that end in .json or .json.gz, ``perfetto`` for all others."""
    return "json" if str(path).lower().endswith((".json", ".json.gz")) else "perfetto"


def write(
    path: str | Path,
    recording: Recording,
    facts: Facts | None = None,
    *,
    budget: int | None = None,
    progress: Progress | None = None,
) -> Written:
    """Write the trace of a recorded run to ``path``.

    facts: what else the file says about the run; budget: the most items in it.
    """
    kind = form(path)
    most = BUDGETS[kind] if budget is None else budget
    trace = build(recording, facts or {}, most, progress)
    encoder = chrome.Encoder(trace) if kind == "json" else perfetto.Encoder(trace)
    total, done = len(trace.items) * (1 if kind == "json" else 2), 0
    with ExitStack() as opened:
        target = opened.enter_context(Path(path).open("wb"))
        put: Callable[[bytes], int] = target.write
        if str(path).lower().endswith(".gz"):
            packed = gzip.GzipFile("", "wb", GZIP_LEVEL, target, mtime=0)
            put = opened.enter_context(packed).write
        for count, piece in encoder.stream():
            put(piece)
            done += count
            if progress is not None:
                progress({"step": "trace: writing", "done": min(done, total), "total": total})
    size = Path(path).stat().st_size
    return Written(str(path), len(trace.items), len(trace.sources), size, trace.merging)
