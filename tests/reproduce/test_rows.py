"""Verdicts, the order of steps, and what the views say of them."""

from __future__ import annotations

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest

from npuemu.errors import NpuemuError
from npuemu.report.plot import Axes, svg
from npuemu.report.tables import Style
from npuemu.reproduce import show
from npuemu.reproduce.claims import Claim, Limit
from npuemu.reproduce.rows import Curve, Found, Plot, Result, Row, Section, Step, run

ROWS = (
    Row("figure & <one>", "5.24", "5.23", "rows of 32", agrees=True, value=5.23),
    Row("figure two", "6.6", "5.84", "rows of 32", agrees=False, value=5.84),
    Row("no figure", "", "8.03", "rows of 32", value=8.03),
    Row("own check", "", "bits as defined", "a kernel", sound=True),
    Row("absent", "", "-", "no such kernel", missing=True),
)
PLOT = Plot("errors", "Errors", "K", "error", log_x=True, log_y=True)


def _result(*rows: Row) -> Result:
    curves = (
        [Curve("errors", "a", ((512.0, 1e-3),)), Curve("errors", "b", ((512.0, 1e-5),))],
        [Curve("errors", "a", ((4096.0, 2e-3),))],
    )
    steps = (
        Step("first", lambda: Found(rows[:2], curves[0])),
        Step("second", lambda: Found(rows[2:], curves[1])),
    )
    return run("msd", "A paper", True, [Section("Part", "A remark.", steps, (PLOT,))])


def test_verdicts() -> None:
    assert [r.verdict for r in ROWS] == ["agrees", "disagrees", "", "holds", "not run"]
    failed = Row("a", "1", "1", "", agrees=True, sound=False)
    assert failed.verdict == "FAILS"
    assert _result(*ROWS).sound and not _result(*ROWS, failed).sound


def test_claims_and_limits() -> None:
    assert Claim("5.24", 5.24).agrees(5.23) and not Claim("5.24", 5.24).agrees(5.40)
    assert Claim("~16", 16.0).agrees(15.53) and not Claim("~16", 16.0).agrees(15.4)
    assert Limit("<= 1", 1.0).agrees(1.0) and not Limit("<= 1", 1.0).agrees(1.0 + 2**-52)


def test_progress_names_every_step() -> None:
    events: list[dict[str, object]] = []
    section = Section("Part", "", tuple(Step(n, Found) for n in ("first", "second")))
    run("msd", "A paper", False, [section, section], events.append)
    assert [e["step"] for e in events] == ["first", "second", "first", "second", "done"]
    assert [(e["done"], e["total"]) for e in events] == [(i, 4) for i in range(5)]


def test_a_step_that_breaks_off_is_a_failed_row() -> None:
    def broken() -> Found:
        raise NpuemuError("error[E110]: deadlock\n  more")

    steps = (Step("a kernel", broken), Step("another", lambda: Found(ROWS)))
    result = run("msd", "A paper", False, [Section("Part", "", steps)])
    first = result.rows[0]
    assert (first.verdict, first.claim, first.where) == (
        "FAILS",
        "a kernel",
        "error[E110]: deadlock",
    )
    assert len(result.rows) == 1 + len(ROWS) and not result.sound


def test_json_and_csv_hold_every_row() -> None:
    result = _result(*ROWS)
    found = json.loads(show.as_json(result))
    assert (found["schema"], found["study"], found["quick"]) == (show.SCHEMA, "msd", True)
    assert [r["claim"] for r in found["rows"]] == [r.claim for r in ROWS]
    assert {"claim", "paper", "ours", "where", "agrees", "verdict"} <= set(found["rows"][0])
    assert found["plots"][0]["curves"] == {"a": [[512.0, 1e-3], [4096.0, 2e-3]], "b": [[512, 1e-5]]}
    lines = list(csv.DictReader(io.StringIO(show.as_csv(result))))
    assert [(r["claim"], r["ours"], r["verdict"]) for r in lines] == [
        (r.claim, r.ours, r.verdict) for r in ROWS
    ]


def test_html_is_one_page_that_fetches_nothing() -> None:
    page = show.as_html(_result(*ROWS))
    assert "figure &amp; &lt;one&gt;" in page and "<one>" not in page
    assert "<script" not in page and not re.search(r"(src|href)=|url\(|@import", page)
    assert page.count("<svg") == 1 and page.count("<tr>") == 1 + len(ROWS)


@pytest.mark.parametrize("width", [80, 100, 120, 4096])
def test_terminal_fits(width: int) -> None:
    text = show.terminal(_result(*ROWS), Style(width=width))
    assert max(map(len, text.splitlines())) <= width
    assert "1 agrees, 1 disagrees, 1 holds, 1 not run" in text
    assert ("rows of 32" in text) == (width >= 100)


def test_a_long_section_shows_what_has_a_verdict() -> None:
    figures = [Row(f"figure {i}", "", str(i), "") for i in range(80)]
    text = show.terminal(_result(*ROWS, *figures), Style())
    assert "figure two" in text and "figure 79" not in text
    assert "... and 81 figures more, in the files of --out" in text
    assert "figure 40" in show.terminal(_result(*figures[:50]), Style())


def test_plots_are_xml_with_every_point() -> None:
    lines = svg(Axes("T", "K", "e", True, True), {"a & b": [(512.0, 1e-3), (8192.0, 2e-3)]})
    bars = svg(Axes("T", "", "bits"), {"a": [("one", 16.0), ("two", 5.0)], "b": [("one", 3.0)]})
    empty = svg(Axes("T", "x", "y"), {})
    tags = [[e.tag for e in ElementTree.fromstring(t).iter()] for t in (lines, bars, empty)]
    assert tags[0].count("circle") == 2 and tags[1].count("rect") == 3 + 2  # two in the legend
    assert "circle" not in tags[2]
    heights = [float(e.get("height", 0)) for e in ElementTree.fromstring(bars).iter("rect")]
    assert heights[0] / heights[2] == pytest.approx(16 / 5, rel=0.01)
