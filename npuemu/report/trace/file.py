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

BUDGETS = {"perfetto": 500_000, "json": 160_000, "json.gz": 500_000}
"""Items of a file by its form, so that it stays under 100 MB."""
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
    """``json`` or ``json.gz`` for names that end so, ``perfetto`` for all others."""
    name = str(path).lower()
    return next((kind for kind in ("json", "json.gz") if name.endswith(f".{kind}")), "perfetto")


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
    encoder: chrome.Encoder | perfetto.Encoder
    encoder = perfetto.Encoder(trace) if kind == "perfetto" else chrome.Encoder(trace)
    done = 0
    with ExitStack() as opened:
        target = opened.enter_context(Path(path).open("wb"))
        put: Callable[[bytes], int] = target.write
        if kind == "json.gz":
            packed = gzip.GzipFile("", "wb", GZIP_LEVEL, target, mtime=0)
            put = opened.enter_context(packed).write
        for count, piece in encoder.stream():
            put(piece)
            done += count
            if progress is not None:
                progress({"step": "trace: writing", "done": done, "total": encoder.total})
    size = Path(path).stat().st_size
    return Written(str(path), len(trace.items), len(trace.sources), size, trace.merging)
