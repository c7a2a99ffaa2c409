"""The page of a run in a real browser: it draws, moves, answers, and reaches for nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from npuemu.observe import holders
from npuemu.observe.recording import CROSS_SET, DATA, SET, WAIT
from npuemu.report.page_html import page
from npuemu.report.summary import integer
from tests.browser.chromium import Browser
from tests.browser.conftest import Written
from tests.report.sample import detailed

CANVAS = "#timeline-view canvas"
WORK = ("load", "move", "matrix", "vector", "convert", "special", "reduce", "store", "scalar")


def events_of(browser: Browser, core: str, pipe: str) -> range:
    """Numbers of the events of a track, in the page's order."""
    track = next(
        t for t in browser.hook("tracks()") if (t["core"], t["pipe"]) == (core, pipe)
    )  # fmt: skip
    return range(track["first"], track["last"])


def page_order(written: Written) -> np.ndarray[Any, Any]:
    """Number in the recording of each of the page's events."""
    events = written.recording.events
    return np.lexsort((np.arange(len(events)), events["pipe"], events["core"]))


def find(written: Written, line: int, kind: int = DATA, nth: int = 0) -> int:
    """The page's number of an event at a line of the text."""
    events, order = written.recording.events, page_order(written)
    row = next(
        i for i, c in enumerate(written.recording.code) if c.where.split(":")[1] == str(line)
    )
    chosen = (events["row"][order] == row) & (events["kind"][order] == kind)
    return int(np.flatnonzero(chosen)[nth])


def test_it_draws_without_errors_and_without_a_network(shown: Browser, written: Written) -> None:
    assert shown.hook("error") is None
    assert shown.driver.title == "sample on ascend910b1"
    assert shown.requests() == [written.path.as_uri()]
    assert shown.logs("browser") == []
    assert shown.colours(CANVAS) > 8
    assert shown.colours("#memory-view canvas") > 5
    assert shown.colours("#overview") > 3 and shown.colours("#ruler") > 3
    box = shown.js("const b = document.querySelector('svg.roofline').getBoundingClientRect();"
                   "return [b.width, b.height]")  # fmt: skip
    assert min(box) > 200


def test_every_cycle_of_every_pipe_is_that_of_the_report(shown: Browser, written: Written) -> None:
    cores = {core["core"]: core["pipes"] for core in written.report["cores"]}  # type: ignore[attr-defined]
    tracks = shown.hook("tracks()")
    events = written.recording.events
    assert len(tracks) == len(np.unique(events["core"] * 16 + events["pipe"]))
    for track in tracks:
        pipe = cores[track["core"]][track["pipe"]]
        cycles = {k: v for k, v in track["cycles"].items() if v}
        busy = sum(cycles.pop(kind, 0) for kind in WORK)
        assert busy == pipe["busy"], track
        end = cycles.pop("dispatch", 0) - pipe["stalls"].get("dispatch", 0)
        stalls = {k: v for k, v in pipe["stalls"].items() if k != "dispatch"}
        assert cycles == stalls and 0 <= end <= pipe["idle"], track


def test_the_wheel_zooms_at_the_pointer(shown: Browser) -> None:
    before, pixels = shown.hook("view()"), shown.fingerprint(CANVAS)
    box = shown.js("const b = document.querySelector('#timeline-view .scroller')"
                   ".getBoundingClientRect(); return [b.left, b.top, b.width]")  # fmt: skip
    x, y = box[0] + 0.7 * box[2], box[1] + 60

    def under(view: dict[str, float]) -> float:
        left, width = box[0] + 118, box[2] - 118 - 8
        return view["first"] + (x - left) / width * (view["last"] - view["first"])

    shown.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    shown.settle()
    after = shown.hook("view()")
    long, was = after["last"] - after["first"], before["last"] - before["first"]
    assert 0.3 * was < long < 0.8 * was
    assert under(after) == pytest.approx(under(before), abs=0.002 * was)
    assert shown.fingerprint(CANVAS) != pixels
    shown.mouse("mouseWheel", x, y, deltaX=0, deltaY=300)
    shown.settle()
    assert shown.hook("view()") == pytest.approx(before)
    assert shown.fingerprint(CANVAS) == pixels


def test_dragging_moves(shown: Browser) -> None:
    shown.hook("show(2000, 4000)")
    shown.settle()
    box = shown.js("const b = document.querySelector('#memory-view .scroller')"
                   ".getBoundingClientRect(); return [b.left, b.top, b.width]")  # fmt: skip
    shown.js("window.scrollTo(0, document.getElementById('timeline-view').offsetTop - 100)")
    top = shown.js("return document.querySelector('#timeline-view .scroller')"
                   ".getBoundingClientRect().top")  # fmt: skip
    x, y = box[0] + 600, top + 80
    shown.mouse("mouseMoved", x, y)
    shown.mouse("mousePressed", x, y, button="left", clickCount=1)
    for step in (10, 40, 100):
        shown.mouse("mouseMoved", x - step, y, button="left", buttons=1)
    shown.mouse("mouseReleased", x - 100, y, button="left", clickCount=1)
    shown.settle()
    view = shown.hook("view()")
    assert view["last"] - view["first"] == pytest.approx(2000)
    assert view["first"] == pytest.approx(2000 + 100 * 2000 / (box[2] - 118 - 8), rel=0.01)
    assert shown.hook("selected()") == -1


def test_keys_move(shown: Browser) -> None:
    whole = shown.hook("view()")
    shown.key("w")
    closer = shown.hook("view()")
    assert closer["last"] - closer["first"] < whole["last"] - whole["first"]
    shown.key("d")
    assert shown.hook("view()")["first"] > closer["first"]
    shown.key("a")
    assert shown.hook("view()") == pytest.approx(closer)
    shown.key("s")
    shown.key("s")
    assert shown.hook("view()") == whole
    shown.hook("show(100, 200)")
    shown.key("0")
    assert shown.hook("view()") == whole


def test_a_click_shows_everything_about_an_instruction(shown: Browser, written: Written) -> None:
    event = find(written, 11, nth=5)
    number = int(page_order(written)[event])
    recorded = written.recording.events[number]
    shown.hook(f"show({recorded['start'] - 300}, {recorded['end'] + 300})")
    shown.settle()
    shown.js("document.getElementById('timeline-view').scrollIntoView({block: 'start'})")
    place = shown.hook(f"place({event})")
    shown.click(place["x"], place["y"])
    assert shown.hook("selected()") == event
    words = shown.js("return document.getElementById('details').innerText")
    for value in ("start", "end", "free", "dispatch"):
        assert integer(int(recorded[value])) in words, value
    assert "mmad.bf16" in words and "sample.npu:11" in words and "0.aic, pipe M" in words
    for name, value in written.recording.operands(number).items():
        assert name in words and (hex(value) in words or integer(value) in words), name
    assert "acc" in words and "MTE1 \u2192 M" in words
    shown.key("Escape")
    assert shown.hook("selected()") == -1
    load = find(written, 7, nth=13)
    source = written.recording.operands(int(page_order(written)[load]))["src"]
    shown.hook(f"select({load})")
    words = shown.js("return document.getElementById('details').innerText")
    assert hex(source) in words and f"GM A + {hex(source - 4096)}" in words


def test_jumps_lead_to_who_was_waited_for(shown: Browser, written: Written) -> None:
    order, events = page_order(written), written.recording.events
    wait = find(written, 16, WAIT, nth=3)
    shown.hook(f"select({wait})")
    shown.settle()
    link = int(events["link"][order[wait]])
    wanted = int(np.flatnonzero(order == link)[0])
    assert events["kind"][link] in (SET, CROSS_SET)
    jumps = shown.js("return [...document.querySelectorAll('#details .jump')]"
                     ".map((b) => Number(b.dataset.event))")  # fmt: skip
    assert wanted in jumps
    shown.js(
        "document.querySelector(`#details .jump[data-event='${arguments[0]}']`).click()", wanted
    )
    shown.settle()
    assert shown.hook("selected()") == wanted
    words = shown.js("return document.getElementById('details').innerText")
    assert "sample.npu:15" in words and "MTE1 \u2192 M" in words
    view = shown.hook("view()")
    assert view["first"] <= events["start"][link] <= view["last"]


def test_a_cores_group_unfolds(shown: Browser) -> None:
    rows = shown.hook("rows()")
    assert [r["label"] for r in rows if r["kind"] == "strips"] == ["block 1"]
    shown.js("document.getElementById('unfold').click()")
    shown.settle()
    unfolded = shown.hook("rows()")
    assert not [r for r in unfolded if r["kind"] == "strips"] and len(unfolded) > 1.8 * len(rows)
    shown.js("document.getElementById('fold').click()")
    shown.settle()
    assert [r["label"] for r in shown.hook("rows()")] == ["block 0", "block 1"]
    box = shown.js("const b = document.querySelector('#timeline-view .scroller')"
                   ".getBoundingClientRect(); return [b.left, b.top]")  # fmt: skip
    shown.click(box[0] + 30, box[1] + 10)
    assert len(shown.hook("rows()")) == len(rows)


def test_tables_sort(shown: Browser, written: Written) -> None:
    def cycles() -> list[str]:
        found: list[str] = shown.js(
            "return [...document.querySelectorAll('#waits tbody tr')]"
            ".map((row) => row.cells[9].innerText)"
        )
        return found

    wanted = sorted((w["cycles"] for w in written.report["waits"]), reverse=True)  # type: ignore[attr-defined]
    assert cycles() == [integer(n) for n in wanted]
    head = "document.querySelectorAll('#waits th')[9]"
    shown.js(f"{head}.click()")
    assert cycles() == [integer(n) for n in wanted]
    shown.js(f"{head}.click()")
    assert cycles() == [integer(n) for n in reversed(wanted)]
    shown.js("document.querySelectorAll('#waits th')[1].click()")
    pipes = shown.js("return [...document.querySelectorAll('#waits tbody tr')]"
                     ".map((r) => r.cells[1].innerText)")  # fmt: skip
    assert pipes == sorted(pipes, reverse=True)


def test_a_line_marks_its_events(shown: Browser, written: Written) -> None:
    shown.js("document.querySelector('tr[data-line=\"11\"] .code').click()")
    shown.settle()
    events = written.recording.events
    row = next(i for i, c in enumerate(written.recording.code) if c.where == "sample.npu:11:5")
    assert shown.hook("marked()") == int((events["row"] == row).sum())
    selected = shown.hook("selected()")
    assert selected in events_of(shown, "0.aic", "M")
    view, marked = shown.hook("view()"), shown.fingerprint(CANVAS)
    shown.key(".")
    assert shown.hook("selected()") > selected
    shown.key("Escape")
    shown.hook(f"select({selected})")
    shown.hook(f"show({view['first']}, {view['last']})")
    shown.settle()
    assert shown.hook("marked()") == 0 and shown.fingerprint(CANVAS) != marked
    assert "chosen" in shown.js("return document.querySelector('tr[data-line=\"11\"]').className")


def test_memories_say_what_is_live(shown: Browser, written: Written) -> None:
    names = shown.js("return document.getElementById('holders').innerText").splitlines()
    assert sorted(names) == ["A", "W", "a_panel \u00b7 A", "acc \u00b7 A+W", "w_panel \u00b7 W"]
    shown.js("document.getElementById('memory').scrollIntoView()")
    box = shown.js("const b = document.querySelector('#memory-view .scroller')"
                   ".getBoundingClientRect(); return [b.left, b.top, b.width]")  # fmt: skip
    for share in (0.2, 0.45, 0.8):
        shown.mouse("mouseMoved", box[0] + 118 + share * (box[2] - 126), box[1] + 40)
        words = shown.js("return document.getElementById('memory-readout').innerText")
        cycle = int(words.split(":")[0].removeprefix("cycle ").replace(",", ""))
        for slot in holders.slots(written.recording):
            if holders.core_of(slot) == 0:
                holes = holders.holes(written.recording, slot, cycle)
                text = f"{holders.memory_of(slot)} {holes.live // 1024} KiB live"
                largest = f"largest hole {holes.largest // 1024} KiB"
                assert text.replace("0 KiB", "0 B") in words.replace("0 KiB", "0 B"), (text, words)
                assert largest in words or holes.largest == 0
                assert f"{100 * holes.fragmentation:.1f}% fragmented" in words


def test_the_scheme_follows_the_system_and_the_button(shown: Browser) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    light, drawn = shown.js(background), shown.fingerprint(CANVAS)
    shown.scheme("dark")
    dark = shown.js(background)
    assert dark != light and shown.fingerprint(CANVAS) != drawn
    shown.js("document.getElementById('scheme').click()")
    shown.settle()
    assert shown.js(background) == light and shown.fingerprint(CANVAS) == drawn
    shown.js("document.getElementById('scheme').click()")
    shown.scheme("light")
    assert shown.js(background) == dark


def test_without_a_script_the_tables_are_there(chromium: Browser, written: Written) -> None:
    chromium.open(written.path, scripts=False)
    words = chromium.driver.find_element("tag name", "body").text
    for part in ("sample on ascend910b1", "Who waited for whom", "mmad.bf16 r7", "two <writes>"):
        assert part in words
    assert "zoom in" not in words and chromium.logs("browser") == []
    chromium.open(written.path)


def test_a_page_without_a_recording(chromium: Browser, tmp_path: Any) -> None:
    path = tmp_path / "tables.html"
    path.write_text(page(detailed()))
    chromium.open(path)
    assert chromium.hook("error") is None and chromium.logs("browser") == []
    chromium.js("document.querySelector('#waits th').click()")
    assert "Timeline" not in chromium.driver.find_element("tag name", "body").text
