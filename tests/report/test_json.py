"""The report as a typed value."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from npuemu.report.json_schema import ReportError, as_report, check_identity, decode, encode
from npuemu.report.schema_page import main, page
from tests.report.sample import finding, sample


def test_round_trip() -> None:
    report = sample(2, diagnostics=[finding()])
    assert json.loads(encode(report)) == report
    assert decode(encode(report)) == as_report(report)


def test_numpy_numbers_are_numbers() -> None:
    assert as_report(sample(cycles=1000) | {"cycles": np.int64(1000)}).cycles == 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cycles": -1}, "cycles"),
        ({"mode": "fast"}, "mode"),
        ({"schema": "npuemu-report-0"}, "npuemu-report-1"),
        ({"extra": 1}, "extra"),
        ({"blocks": "one"}, "blocks"),
        ({"buffers": {"L1": {"capacity": 1}}}, "buffers"),
    ],
)
def test_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        as_report({**sample(), **change})


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema": 1}'])
def test_damaged_json(text: bytes) -> None:
    with pytest.raises(ReportError):
        decode(text)


def test_identity() -> None:
    report = sample()
    check_identity(report)
    report["cores"][0]["pipes"]["M"]["idle"] += 1
    with pytest.raises(ReportError, match=r"0\.aic M sum to 1001, the run has 1000"):
        check_identity(report)


def test_page_is_fresh(tmp_path: Path) -> None:
    committed = Path(__file__).parents[2] / "docs" / "report-schema.md"
    assert committed.read_text(encoding="utf-8") == page()
    assert main(["--check", str(committed)]) == 0
    assert main([str(tmp_path / "p.md")]) == 0
    (tmp_path / "p.md").write_text("old")
    assert main(["--check", str(tmp_path / "p.md")]) == 1
