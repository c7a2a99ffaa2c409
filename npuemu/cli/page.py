"""The page of a run: what `--html` writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from npuemu.cli import options
from npuemu.cli.sources import Sources

if TYPE_CHECKING:
    from npuemu.api import Run


def write(result: Run, kernel: str, path: str, peak: Mapping[str, float] | None) -> None:
    """The report, the recording and the text of the kernel as a page, and why the run took as long
    where it was recorded as a whole. ``peak``: multiply-adds a cycle of one cube core by type.
    """
    from npuemu.report.json_schema import as_report
    from npuemu.report.page_html import page, recorded

    report, recording = as_report(result.report), result.recording
    if recording is not None:
        if report.lines and report.cycles and recorded(recording) == (0, report.cycles):
            from npuemu.profiling.profile import profile_of

            report = replace(report, profile=profile_of(report, recording))
        folder = Path(kernel).parent if Path(kernel).exists() else None
        texts = recording.sources or Sources(folder).files(row.where for row in recording.code)
        recording = dataclasses.replace(recording, sources=texts)
    options.write(path, page(report, recording, peak=peak).encode(), "--html")
