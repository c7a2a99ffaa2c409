"""Largest waits, hottest lines and roofline of the terminal view."""

from __future__ import annotations

from typing import Any

import pytest

from npuemu.report.hot import lines, roofline, waits
from npuemu.report.json_schema import as_report
from npuemu.report.places import Places, split
from npuemu.report.summary import flags_text
from npuemu.report.tables import Style
from npuemu.report.terminal import render
from tests.report.sample import detailed, roof, sample

PLAIN = Style()
TITLES = ("largest waits", "hottest lines", "roofline")


def rows(text: str) -> list[list[str]]:
    """Cells of a table's body; columns are two blanks or more apart."""
    body = text.splitlines()[3:]
    return [[cell for cell in line.split("  ") if cell] for line in body]


def report(**changes: Any) -> Any:
    """Two groups, so that cube rows are means of two cores and vector rows of four."""
    return as_report(detailed(2, **changes))


def test_waits_are_the_largest_first_with_flag_and_places() -> None:
    text = waits(report(), PLAIN)
    assert text.startswith("largest waits (6 of 14; --report has all)\n")
    first, *others = rows(text)
    assert [cell.strip() for cell in first] == [
        "cube FIX", "1", "200", "20.0%", "MTE2 -> FIX 0", "kernel.npu:10 wait_flag",
        "mov_gm_l1 :7, set at :8",
    ]  # fmt: skip
    cycles = [int(row[2]) for row in [first, *others]]
    assert cycles == sorted(cycles, reverse=True) == [200] * 5 + [30]
    assert others[-1][4].strip() == "dispatch"


def test_a_wait_for_another_file_names_it() -> None:
    found = detailed(2)
    found["waits"][0] |= {"awaited_where": "a/b.inc:3:1", "set_where": "a/b.inc:4:1"}
    assert "mov_gm_l1 b.inc:3, set at b.inc:4" in waits(as_report(found), PLAIN)


def test_waits_at_one_line_are_one_row() -> None:
    found = detailed(2)
    first = found["waits"][0]
    parts = [
        {**first, "flag": f"MTE2 -> FIX {event}", "cycles": cycles, "count": 1}
        for event, cycles in ((3, 100), (0, 200), (1, 40), (2, 60))
    ]
    parts[1] |= {"set_where": "kernel.npu:3:1"}
    found["waits"][:1] = parts
    text = waits(as_report(found), PLAIN)
    row = next(row for row in rows(text) if row[0] == "cube FIX")
    assert [cell.strip() for cell in row] == [
        "cube FIX", "2", "200", "20.0%", "MTE2 -> FIX 0-3", "kernel.npu:10 wait_flag",
        "mov_gm_l1 :7, set at :3, +1 more",
    ]  # fmt: skip
    assert text.startswith("largest waits (6 of 14; ")


def test_flags_with_their_events() -> None:
    assert flags_text(["MTE1 -> M 6", "MTE1 -> M 1", "MTE1 -> M 0"]) == "MTE1 -> M 0-1, 6"
    assert flags_text(["cross-core 2", "", "V -> S 1"]) == "cross-core 2, V -> S 1"
    assert flags_text(["any"]) == "any" and flags_text([""]) == ""


def test_lines_are_means_over_the_cores_with_their_stalls() -> None:
    text = lines(report(), PLAIN)
    assert text.startswith("hottest lines (6 of 18; --report has all)\n")
    first = [cell.strip() for cell in rows(text)[0]]
    assert first == [
        "cube FIX", "2", "70", "7.0%", "kernel.npu:10", "op0", "flag MTE2->MTE1 200, dispatch 30",
    ]  # fmt: skip


def test_cores_without_work_are_no_part_of_a_mean() -> None:
    found = detailed()
    alone = found["cores"][2]["pipes"]["MTE3"]
    alone |= {"busy": 0, "stalls": {"dispatch": 5}, "idle": 995, "instructions": 0}
    found |= {"lines": [], "waits": []}
    wait = {
        "core": "aiv", "pipe": "MTE3", "where": "k.npu:1:1", "name": "x", "cause": "flag_V",
        "count": 1, "cycles": 400,
    }  # fmt: skip
    typed = as_report(found)
    typed.waits.append(type(as_report(detailed()).waits[0])(**wait))
    assert [cell.strip() for cell in rows(waits(typed, PLAIN))[0]][:4] == [
        "vector MTE3", "1", "400", "40.0%",
    ]  # fmt: skip


def test_the_text_of_a_line_is_shown_where_it_is_that_of_the_instruction() -> None:
    def source(where: str) -> str | None:
        long = "op0 r1, r2, " + "x" * 60
        texts = {"10": "  op0 r1,   r2 ; why", "30": "another r1", "50": long}
        return texts.get(where.split(":")[1])

    text = lines(report(), PLAIN, source)
    assert [row[5].strip() for row in rows(text)[:3]] == [
        "op0 r1, r2", "op0", f"op0 r1, r2, {'x' * 29}...",
    ]  # fmt: skip
    assert "op0 r1" not in lines(report(), Style(width=120), source)


def test_a_count_between_whole_numbers() -> None:
    found = detailed(3)
    found["lines"][0]["count"] = 4
    assert rows(lines(as_report(found), PLAIN))[0][1].strip() == "1.3"


def test_the_roofline_has_bars_and_its_highest_first() -> None:
    found = report(roofline=[roof(share=0.25), roof("cube s8", 0.9, pipe="M"), roof(cycles=0.0)])
    text = roofline(found, PLAIN)
    assert [line.split() for line in text.splitlines()[3:]] == [
        ["cube", "s8", "cube", "M", "500", "90.0%", "##################.."],
        ["GM", "->", "L1", "cube", "MTE2", "500", "25.0%", "#####..............."],
    ]
    die = roofline(report(roofline=[roof("HBM", core="die", pipe="")]), PLAIN)
    assert ["HBM", "die", "500"] == die.splitlines()[3].split()[:3]


def test_views_without_content_do_not_appear() -> None:
    assert not any(title in render(sample()) for title in TITLES)
    text = render(detailed())
    assert [line.split(" (")[0] for line in text.splitlines() if line.startswith(TITLES)] == list(
        TITLES
    )
    quiet = detailed(roofline=[])
    for row in quiet["lines"]:
        row["busy"] = row["heads"] = 0
        row["stalls"] = {}
    for core in quiet["cores"]:
        for use in core["pipes"].values():
            use |= {"busy": 0, "stalls": {}, "idle": 1000}
    text = render({**quiet, "waits": []})
    assert not any(title in text for title in TITLES)


@pytest.mark.parametrize("width", [80, 100, 110, 120, 150, 160])
@pytest.mark.parametrize("blocks", [1, 24])
def test_views_fit_a_terminal_and_nothing_is_lost(width: int, blocks: int) -> None:
    found = detailed(blocks)
    for view in ("lines", "waits"):
        for row in found[view]:
            row["where"] = "/a/long/way/to/programs/" + row["where"].replace(
                "kernel.npu", "msd_combine_gm.inc"
            )
    text = render(found, Style(unicode=True, width=width))
    assert max(len(line) for line in text.splitlines()) <= width
    words = " ".join(text.split())
    assert words.count("msd_combine_gm.inc:") == 12
    assert words.count("set at kernel.npu:") == 5


def test_places() -> None:
    assert split("a/k.npu:12:5") == ("a/k.npu", 12, 5)
    assert split("k.npu:12") == ("k.npu", 12, 0)
    assert split("C:\\k.npu:1:2").file == "C:\\k.npu"
    assert split("") == ("", 0, 0)
    places = Places(["/x/a/k.npu:1:1", "/x/b/k.npu:2:1", "/x/m.inc:3:1", ""])
    assert places.short("/x/a/k.npu:1:1") == "a/k.npu:1"
    assert places.short("/x/b/k.npu:2:1") == "b/k.npu:2"
    assert places.short("/x/m.inc:3:1") == "m.inc:3"
    assert places.short("/x/m.inc:3:1", "/x/m.inc:9:1") == ":3"
    assert places.short("") == ""
