"""Trace files of a recorded run: for Perfetto (protobuf) and in the Chrome JSON form."""

from __future__ import annotations

from npuemu.report.trace.file import Written, write

__all__ = ["Written", "write"]
