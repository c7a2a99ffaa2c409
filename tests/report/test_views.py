"""The views of a report: terminal text, HTML, side by side."""

from __future__ import annotations

import io
from html.parser import HTMLParser

import pytest

from npuemu.report.html import fragment, page
from npuemu.report.json_schema import as_report
from npuemu.report.side_by_side import Entry, compare
from npuemu.report.summary import bar, duration, mac_utilisation, pipe_rows, size, verdict
from npuemu.report.tables import Style
from npuemu.report.terminal import findings, render, style_for
from tests.report.sample import finding, sample


def test_plain_text_has_no_escapes_and_no_trailing_blanks() -> None:
    text = render(sample(diagnostics=[finding()]))
    assert "\x1b" not in text and text.isascii()
    assert all(line == line.rstrip() for line in text.splitlines())
    assert text.startswith("gemm_bf16 on ascend910b1   M=16 N=32 K=64   1 block   mode full\n")
    assert "1,000 cycles   0.54 us   1 error\n" in text


def test_what_was_not_checked_is_not_called_clean() -> None:
    assert verdict(as_report(sample())) == "clean"
    assert verdict(as_report(sample(checked=False))) == "no faults; races not checked"
    found = sample(checked=False, diagnostics=[finding()])
    assert verdict(as_report(found)) == "1 error; races not checked"


def test_another_timing_is_named_with_its_cycles() -> None:
    report = sample(jitter=3)
    assert "mode full   timing 3\n" in render(report)
    assert "mode full &nbsp; timing 3<br>" in page(report)
    assert "timing" not in render(sample()).partition("\n\n")[0]


def test_timings_that_end_in_errors_are_counted() -> None:
    for broken, words in (
        (0, "5 other timings   7 .. 9 cycles   same outputs\n"),
        (2, "5 other timings   2 end in errors, of the others 7 .. 9 cycles   same outputs\n"),
        (5, "5 other timings   all end in errors\n"),
    ):
        timings = {"count": 5, "fewest_cycles": 7, "most_cycles": 9, "broken": broken}
        assert words in render(sample(timings=timings))


def test_plain_columns_align() -> None:
    lines = render(sample()).splitlines()
    heading = next(line for line in lines if line.startswith("core "))
    column = heading.index("stalled by")
    row = next(line for line in lines if line.startswith("0.aic "))
    assert row[column:].startswith("flag MTE2->MTE1 200 (20.0%), dispatch 30 (3.0%)")
    assert row[column - 1] == " "


def test_terminal_text_is_coloured_and_fits() -> None:
    text = render(sample(24), Style(color=True, unicode=True, width=100))
    assert "\x1b[" in text and "\u2588" in text


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("blocks", [1, 24])
def test_nothing_is_cut_on_a_narrow_terminal(width: int, blocks: int) -> None:
    text = render(sample(blocks), Style(unicode=True, width=width))
    assert max(len(line) for line in text.splitlines()) <= width
    words = " ".join(text.split())
    assert words.count("flag MTE2->MTE1") == 9 + 4 * (blocks == 1)


def test_many_cores_are_shown_per_kind() -> None:
    rows = pipe_rows(as_report(sample(2)))
    cube = next(row for row in rows if row.pipe == "M")
    assert (cube.group, cube.busy, cube.top_core, cube.top_busy) == ("cube x2", 105, "1.aic", 110)
    assert next(row for row in rows if row.pipe == "V").group == "vector x4"


def test_unused_pipes_and_buffers_are_left_out() -> None:
    report = sample()
    idle = {"busy": 0, "stalls": {}, "idle": 1000, "instructions": 0}
    report["cores"][0]["pipes"]["MTE3"] = idle
    text = render(report)
    assert not [line for line in text.split("buffers")[0].splitlines() if "0.aic   MTE3" in line]
    assert "\nBT " not in text


def test_source_lines_follow_findings_and_errors_come_first() -> None:
    report = sample(diagnostics=[finding("warning", "a:1"), finding("error", "b:2")])
    text = findings(report, {"b:2": "  mmad ..."}.get)
    assert text.splitlines() == [
        "b:2: error[E117]: two <writes> race",
        "    | mmad ...",
        "a:1: warning[E117]: two <writes> race",
        "for more: npuemu explain E117",
    ]


def test_the_other_side_and_the_repair_follow() -> None:
    other = {"message": "V reads", "where": "b:3"}
    report = sample(diagnostics=[{**finding("error", "b:2"), "other": other, "help": "a flag"}])
    assert findings(report, {"b:2": "  mov ...", "b:3": " vadd ..."}.get).splitlines() == [
        "b:2: error[E117]: two <writes> race",
        "    | mov ...",
        "b:3: note: V reads",
        "    | vadd ...",
        "  = help: a flag",
        "for more: npuemu explain E117",
    ]


def test_other_timings_are_a_line_of_the_head() -> None:
    timings = {"count": 20, "fewest_cycles": 900, "most_cycles": 12345}
    line = "20 other timings   900 .. 12,345 cycles   "
    assert f"{line}same outputs\n" in render(sample(timings=timings))
    differs = {**finding(), "code": "E205"}
    assert f"{line}outputs differ\n" in render(sample(timings=timings, diagnostics=[differs]))


def test_a_clean_run_points_nowhere() -> None:
    assert findings(sample()) == ""
    assert "explain" not in render(sample())


def test_many_findings_are_cut() -> None:
    report = sample(diagnostics=[finding()] * 60)
    assert findings(report).splitlines()[-2].startswith("... and 10 more")


def test_utilisation() -> None:
    assert mac_utilisation(as_report(sample(2)), {"bf16": 4096.0}) == {
        "bf16": pytest.approx(32768 / (2 * 1000 * 4096))
    }
    assert "of the cube's peak" in render(sample(), peak={"bf16": 4096.0})


def test_a_run_of_no_cycles() -> None:
    assert "0 cycles" in render(sample(cycles=0, cores=[], buffers={}))


def test_words() -> None:
    assert [size(n) for n in (0, 1023, 1024, 3 << 20, 5 << 30, 2 << 40)] == [
        "0 B", "1023 B", "1.0 KiB", "3.0 MiB", "5.0 GiB", "2.0 TiB",
    ]  # fmt: skip
    assert [duration(t) for t in (0.5, 1500, 2e6)] == ["0.50 us", "1.500 ms", "2.000 s"]
    assert [bar(s, 4) for s in (0, 0.001, 0.5, 1, 2)] == ["....", "#...", "##..", "####", "####"]
    assert verdict(as_report(sample(diagnostics=[finding(), finding()]))) == "2 errors"


class _Balance(HTMLParser):
    """Counts tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("view", [fragment, page])
@pytest.mark.parametrize("blocks", [1, 24])
def test_html_is_whole_and_self_contained(view: object, blocks: int) -> None:
    text = view(sample(blocks, diagnostics=[finding()]))  # type: ignore[operator]
    checker = _Balance()
    checker.feed(text)
    assert checker.open == []
    assert "two &lt;writes&gt; race" in text
    assert not any(word in text for word in ("http:", "https:", "src=", "<script", "@import"))


def test_side_by_side() -> None:
    entries = [
        Entry("dequant", as_report(sample()), {"max error": "1e-3"}),
        Entry("msd", as_report(sample(24, cycles=2000))),
    ]
    lines = compare(entries).splitlines()
    rows = {line[:20].strip(): line[20:].split() for line in lines}
    assert rows["cycles"] == ["1,000", "2,000"]
    assert rows["max error"] == ["1e-3", "-"]
    assert rows["cube M busy"] == ["10.0%", "10.8%"]


def test_style_of_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    assert style_for(io.StringIO()) == Style()
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert style_for(Terminal()).color and style_for(Terminal()).unicode
    monkeypatch.setenv("NO_COLOR", "1")
    assert not style_for(Terminal()).color


@pytest.mark.parametrize("width", [80, 100, 160])
def test_side_by_side_fits_a_terminal(width: int) -> None:
    entries = [Entry(f"w8a16_kernel_{i}", as_report(sample(24))) for i in range(3)]
    lines = compare(entries, Style(width=width)).splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert text.count("1,000") == 3
