"""The page of a run: what it says without a script, what it packs, what it never lets through."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from npuemu.observe.recording import DATA, HALT, Recording
from npuemu.report import page_html
from npuemu.report.page_html import decimate, spans
from npuemu.report.page_html.links import Links
from npuemu.report.page_html.packing import Columns, delta
from npuemu.report.page_html.timeline import kind_of
from npuemu.report.summary import integer
from tests.report.product import LINES, product
from tests.report.recorded import report_of
from tests.report.sample import detailed, finding, sample

PEAK = {"bf16": 4096.0}


class Structure(HTMLParser):
    """Checks that elements are closed in order; collects text, scripts and addresses."""

    VOID = ("meta", "link", "br", "img", "circle", "line")

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text: dict[str, list[str]] = {}
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)

    @property
    def shown(self) -> str:
        """All that a reader may see, element after element."""
        return "".join("".join(v) for k, v in self.text.items() if k not in ("script", "style"))


@pytest.fixture(scope="module")
def made() -> Recording:
    """Two core groups; every other kind of event at least once."""
    return product(groups=2, tiles=2, steps=5)


def embedded(text: str) -> tuple[dict[str, Any], dict[str, list[np.ndarray[Any, Any]]]]:
    """The tables and the columns of a page, read as its script reads them."""
    start = text.index('id="npuemu-recording">') + len('id="npuemu-recording">')
    about = json.loads(text[start : text.index("</script>", start)])
    start = text.index('id="npuemu-columns">') + len('id="npuemu-columns">')
    packed = zlib.decompress(base64.b64decode(text[start : text.index("</script>", start)]))
    at, found = 0, {}
    for name, count in about["directory"]:
        values = []
        for _ in range(count):
            number, shift = 0, 0
            while True:
                byte, at = packed[at], at + 1
                number |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            values.append(number >> 1 if number % 2 == 0 else -(number + 1 >> 1))
        found.setdefault(name, []).append(np.array(values, np.int64))
    assert at == len(packed)
    return about, found


def test_the_page_stands_alone(made: Recording) -> None:
    text = page_html.page(report_of(made), made, peak=PEAK)
    seen = Structure(text)
    assert seen.open == []
    fetching = [a for a in seen.attributes if a[1] in ("src", "action", "data", "poster")]
    links = [value for _, name, value in seen.attributes if name == "href"]
    assert fetching == [] and all(v.startswith("#") or v == "data:," for v in links)
    assert not re.search(r"https?://(?!www\.w3\.org)|@import|url\(|fetch\(|import\(", text)
    assert "default-src 'none'" in text


def test_a_kernels_text_cannot_break_out(made: Recording) -> None:
    evil = '</script><script>document.title = "broken"</script>'
    report = report_of(made, kernel=evil, diagnostics=[
        {**finding(where=f"{evil}.npu:3"), "message": evil, "help": evil,
         "other": {"message": evil, "where": f"{evil}:1"}},
    ])  # fmt: skip
    sources = {"sample.npu": LINES, evil: (evil, "<!--", "]]>", "&amp;")}
    code = tuple(
        type(i)(i.name, i.section, f"{evil}:7:1", evil, i.operands, i.registers) for i in made.code
    )
    buffers = tuple(type(b)(evil, b.memory, b.address, b.bytes) for b in made.buffers)
    parts = {**made.__dict__, "sources": sources, "code": code, "buffers": buffers}
    known = {name: parts[name] for name in Recording.__dataclass_fields__}
    text = page_html.page(report, Recording(**known), peak=PEAK)
    seen = Structure(text)
    assert seen.open == []
    scripts = re.findall(r"<script\b[^>]*>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == text.count("<script") == text.count("</script") == 4
    assert [evil[:9] in script or "document.title" in script for script in scripts] == [
        False, True, False, False,
    ]  # fmt: skip
    assert not set("<>&") & set(scripts[1])
    assert seen.shown.count(evil) >= 3
    assert "&amp;amp<i>;</i>" in text and "&lt;!--" in text


def test_tables_need_no_script(made: Recording) -> None:
    report = report_of(made)
    seen = Structure(page_html.page(report, made, peak=PEAK))
    cells = set(seen.text["td"])
    for core in report["cores"]:
        for pipe in core["pipes"].values():
            assert not pipe["busy"] or len(report["cores"]) > 3 or integer(pipe["busy"]) in cells
    for wait in report["waits"]:
        assert {wait["name"], integer(wait["cycles"])} <= cells
    assert "sample.npu " in seen.text["summary"]
    assert all(word in seen.shown for line in LINES for word in line.split(";")[0].split())


def test_without_a_recording_there_are_tables_only() -> None:
    text = page_html.page(detailed(diagnostics=[finding()]))
    assert "npuemu-recording" not in text.partition("<script>(() =>")[0]
    assert Structure(text).open == []
    for words in ("Who waited for whom", "Roofline", "two &lt;writes&gt; race", "kernel.npu:10"):
        assert words in text
    assert Structure(page_html.page(sample(cycles=0, cores=[], buffers={}))).open == []


def test_events_come_back_as_they_were(made: Recording) -> None:
    about, found = embedded(page_html.page(report_of(made), made))
    order = np.lexsort((np.arange(len(made.events)), made.events["pipe"], made.events["core"]))
    events = made.events[order]
    start = np.cumsum(found["start"][0])
    columns = {
        "kind": found["kind"][0], "start": start, "dispatch": start - found["wait"][0],
        "free": start + found["work"][0], "end": start + found["work"][0] + found["tail"][0],
        "detail": found["detail"][0], "bank": found["bank"][0], "head": found["head"][0],
        "bandwidth": found["bandwidth"][0],
    }  # fmt: skip
    for name, values in columns.items():
        assert np.array_equal(values, events[name]), name
    names = [about["code"][row][0] for row in found["row"][0]]
    assert names == [made.code[row].name for row in events["row"]]
    for i, back in enumerate(found["link"][0]):
        linked = events["link"][i]
        assert (back == 0) == (linked < 0)
        assert linked < 0 or order[i - back] == linked
    _check_operands(made, order, about, found["values"][0])


def _check_operands(
    made: Recording, order: Any, about: dict[str, Any], values: np.ndarray[Any, Any]
) -> None:
    last: dict[int, list[int]] = {}
    at = 0
    for event in order:
        if made.events["kind"][event] != DATA:
            continue
        row = int(made.events["row"][event])
        code = made.code[row]
        before = last.setdefault(row, [0] * len(code.registers))
        for k, operand in enumerate(code.registers):
            before[k] += int(values[at])
            at += 1
            assert made.operands(int(event))[code.operands[operand][0]] == before[k]
    assert at == len(values)
    assert [entry[0] for entry in about["code"]] == [i.name for i in made.code]


def test_regions_come_back_as_they_were(made: Recording) -> None:
    about, found = embedded(page_html.page(report_of(made), made))
    memory, start = about["memory"], np.cumsum(found["region_start"][0])
    seen = []
    for slot, low, high, first, last in memory["lanes"]:
        core, name, *_ = memory["slots"][slot]
        for i in range(first, last):
            long, label = int(found["region_long"][0][i]), int(found["region_label"][0][i])
            rows = [int(found[f"region_{side}"][0][i]) for side in ("writer", "reader")]
            places = [about["code"][row][2][1] for row in rows]
            span = (int(start[i]), int(start[i]) + long, int(found["region_bytes"][0][i]))
            seen.append((core, name, low, high, *span, *places, tuple(memory["labels"][label][1])))
    names = ("GM", "L1", "L0A", "L0B", "L0C", "BT", "FB", "UB")
    carried = {8: ("W",), 10: ("W",), 11: ("A", "W"), 7: ("A",), 9: ("A",)}
    wanted = []
    for r in made.live:
        places = [int(made.code[r[side]].where.split(":")[1]) for side in ("writer", "reader")]
        span = tuple(int(r[name]) for name in ("low", "high", "start", "stop", "bytes"))
        where = (int(r["slot"]) // 16, names[r["slot"] % 16])
        wanted.append((*where, *span, *places, carried.get(places[0], ("C",))))
    assert sorted(seen) == sorted(wanted)


@pytest.mark.parametrize("seed", range(8))
def test_columns_of_any_integers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 53, 300)
    values = (rng.integers(0, 2**62, 300) >> (62 - bits)) * rng.choice([-1, 1], 300)
    values[:6] = [0, -1, 2**53, -(2**53), 63, 64]
    columns = Columns()
    small = values >> 2
    for part in (values, values[:0], delta(small)):
        columns.add("x", part)
    directory = {"directory": columns.directory()}
    page = (
        f'<script id="npuemu-recording">{json.dumps(directory)}</script>'
        f'<script id="npuemu-columns">{columns.text()}</script>'
    )
    _, found = embedded(page)
    assert [part.tolist() for part in found["x"]] == [
        values.tolist(), [], np.diff(small, prepend=0).tolist(),
    ]  # fmt: skip


def test_cycles_of_events_are_those_of_the_report(made: Recording) -> None:
    """Against a second account of the same events, made one by one."""
    events = made.events[spans.by_track(made.events)]
    found = spans.shares(events)
    report = report_of(made)
    for core in range(made.cores):
        for number, pipe in enumerate(("S", "V", "M", "MTE1", "MTE2", "MTE3", "FIX")):
            of = (events["core"] == core) & (events["pipe"] == number)
            if not of.any() or pipe == "S":
                continue
            wanted = report["cores"][core]["pipes"][pipe]
            assert found.busy[of].sum() == wanted["busy"]
            assert found.stalled[of].sum() == sum(wanted["stalls"].values())


@pytest.mark.parametrize("limit", [60, 120, 250])
def test_fewer_events_keep_the_cycles(made: Recording, limit: int) -> None:
    events = made.events[spans.by_track(made.events)].copy()
    place = np.full(len(events) + 1, -1, np.int64)
    place[spans.by_track(made.events)] = np.arange(len(events))
    events["link"] = place[events["link"]]
    fewer = decimate.fewer(events, limit)
    halts = int((events["kind"] == HALT).sum())
    assert len(fewer.events) <= limit + halts < len(events)
    assert fewer.bucket & (fewer.bucket - 1) == 0 and fewer.bucket > 1
    whole, blocks = spans.shares(events), fewer.events["kind"] == decimate.BLOCK
    bounds = [*fewer.origin.tolist(), len(events)]
    for i, (first, last) in enumerate(zip(bounds, bounds[1:], strict=False)):
        event, members = fewer.events[i], events[first:last]
        if not blocks[i]:
            assert last == first + 1 and event["start"] == members["start"][0]
            continue
        assert len(set(members["core"])) == len(set(members["pipe"])) == 1
        assert event["detail"] == (members["kind"] == DATA).sum()
        assert event["bank"] == whole.busy[first:last].sum()
        assert event["start"] == members["start"].min() and event["end"] == members["end"].max()
        assert event["start"] // fewer.bucket == (event["end"] - 1) // fewer.bucket or (
            event["start"] == event["end"]
        )
    for i in np.flatnonzero(fewer.events["link"] >= 0):
        was, now = int(events["link"][fewer.origin[i]]), int(fewer.events["link"][i])
        assert bounds[now] <= was < bounds[now + 1]
    assert (fewer.events["link"][blocks] == -1).all()


def test_a_long_run_is_decimated_and_says_so(
    made: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = report_of(made)
    assert "merged into blocks" not in page_html.page(report, made)
    monkeypatch.setattr(page_html, "MOST_EVENTS", 1)  # a thousand is the least
    many = product(groups=4, tiles=4, steps=5)
    text = page_html.page(report_of(many), many)
    assert f"This run has {integer(len(many.events))} instructions, flags and waits" in text
    assert re.search(r"in the same \d+ cycles are merged into blocks, \d+ are left", text)


def test_a_window_is_named(made: Recording) -> None:
    parts = {name: getattr(made, name) for name in Recording.__dataclass_fields__}
    text = page_html.page(report_of(made), Recording(**{**parts, "window": (100, 900)}))
    assert "Recorded were cycles 100 .. 900 only." in text
    endless = Recording(**{**parts, "window": (0, 1 << 42)})
    assert embedded(page_html.page(report_of(made), endless))[0]["window"] == [0, made.cycles]


def test_places_and_kinds() -> None:
    links = Links(["/x/gemm/kernel.npu:3:1", "/x/attn/kernel.npu:1", "a/b<.inc:7:2", "nowhere"])
    assert links.file("/x/gemm/kernel.npu") == "gemm/kernel.npu"
    assert links.file("a/b<.inc") == "b<.inc"
    assert links.html("a/b<.inc:7:2") == (
        '<a href="#L-a_2f_b_3c__2e_inc-7" data-where="a/b&lt;.inc:7:2" title="a/b&lt;.inc:7:2">'
        "b&lt;.inc:7</a>"
    )
    assert links.html("") == "" and ">nowhere</a>" in links.html("nowhere")
    kinds = {
        "mov_gm_l1": "load", "mov_ub_gm": "store", "load_l1_l0a.b16": "move", "mmad.bf16": "matrix",
        "vadd.f32": "vector", "vconv": "convert", "vexp": "special", "vcmax": "reduce",
        "fix_l0c_gm": "store", "fix_l0c_l1": "move", "set_flag": "scalar", "li": "scalar",
        "?": "scalar",
    }  # fmt: skip
    assert {name: kind_of(name) for name in kinds} == kinds
