"""The report as a typed value."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from npuemu.report.json_schema import SCHEMA, ReportError, as_report, decode, encode
from npuemu.report.schema_page import main, page
from tests.report.sample import detailed, finding, sample


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


@pytest.mark.parametrize("schema", ["npuemu-report-1", "npuemu-report-9"])
def test_another_version_is_named_whatever_its_fields(schema: str) -> None:
    for report in ({"schema": schema}, {**sample(), "schema": schema, "novel": 1}):
        with pytest.raises(ReportError) as caught:
            as_report(report)
        assert str(caught.value) == f"not a report of schema {SCHEMA}: it is of schema '{schema}'"


def test_a_report_with_lines_goes_round() -> None:
    report = detailed(3)
    assert json.loads(encode(report)) == report
    assert decode(encode(report)) == as_report(report)


def test_cycles_of_a_pipe_add_up() -> None:
    report = sample()
    report["cores"][0]["pipes"]["M"]["idle"] += 1
    with pytest.raises(ReportError, match=r"0\.aic M sum to 1001, the run has 1000"):
        as_report(report)


@pytest.mark.parametrize(
    ("view", "key", "change", "message"),
    [
        ("lines", "busy", 7, "aic FIX busy: the lines sum to 217 cycles, the pipes to 210: +7"),
        ("lines", "stalls", -3, "aic FIX stalled by dispatch: the lines sum to 57 cycles, the pi"),
        ("waits", "cycles", -2, "aic FIX stalled by flag MTE2->MTE1: the waits sum to 398 cycles"),
        ("lines", "heads", 1000, r"kernel.npu:10:5 FIX: 1035 cycles of heads, 140 of work"),
    ],
)
def test_lines_and_waits_add_up_to_the_pipes(
    view: str, key: str, change: int, message: str
) -> None:
    report = detailed(2)
    row = report[view][0]
    if key == "stalls":
        row[key]["dispatch"] += change
    else:
        row[key] += change
    with pytest.raises(ReportError) as caught:
        as_report(report)
    assert message in str(caught.value) and "more" not in str(caught.value)


def test_what_is_missing_or_too_much_is_named() -> None:
    report = detailed(waits=[])
    with pytest.raises(ReportError, match=r"waits sum to 0 cycles, the pipes to 30: -30.*\(and "):
        as_report(report)
    extra = {**detailed()["waits"][0], "pipe": "MTE9", "cycles": 5}
    report = detailed()
    report["waits"].append(extra)
    with pytest.raises(ReportError, match=r"aic MTE9 stalled by .* to 5 cycles, the pipes to 0"):
        as_report(report)


def test_without_lines_and_waits_nothing_is_compared() -> None:
    assert as_report(detailed(lines=[], waits=[])).lines == []


def test_page_is_fresh(tmp_path: Path) -> None:
    committed = Path(__file__).parents[2] / "docs" / "report-schema.md"
    assert committed.read_text(encoding="utf-8") == page()
    assert main(["--check", str(committed)]) == 0
    assert main([str(tmp_path / "p.md")]) == 0
    (tmp_path / "p.md").write_text("old")
    assert main(["--check", str(tmp_path / "p.md")]) == 1
