"""Two reports compared: figures, causes, places that moved, words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from npuemu.report.comparison import Comparison, compare, encode
from npuemu.report.comparison_text import factor, render, signed, words
from npuemu.report.json_schema import as_report
from npuemu.report.matching import Matching
from npuemu.report.tables import Style
from tests.report.sample import detailed, finding, lines_of, pipe, sample


def changed(**changes: Any) -> dict[str, Any]:
    """The sample with the waits of cube MTE2 100 cycles shorter, and so the run."""
    report = sample(cycles=900)
    for core in report["cores"]:
        for use in core["pipes"].values():
            use["idle"] = 900 - use["busy"] - sum(use["stalls"].values())
    report["cores"][0]["pipes"]["MTE2"] = pipe(900, 100, 100, 30)
    return {**report, **lines_of(report), **changes}


def compared(a: dict[str, Any] | None = None, b: dict[str, Any] | None = None) -> Comparison:
    """Both typed and compared."""
    return compare(as_report(a or detailed()), as_report(b or changed()))


def plain(a: dict[str, Any] | None = None, b: dict[str, Any] | None = None) -> str:
    """The text on a pipe."""
    return render(compared(a, b))


def row(text: str, start: str) -> list[str]:
    """Cells of the first line with this start, behind it."""
    return next(line for line in text.splitlines() if line.startswith(start))[len(start) :].split()


def test_runs_that_are_identical_say_so() -> None:
    for report, what in (
        (detailed(), "every figure and every output"),
        (detailed(outputs={}), "every figure"),
    ):
        found = compared(report, report)
        assert found.identical and not found.causes
        assert f"\nThe runs are identical: {what}.\n1,000 cycles   0.54 us   clean\n" in render(
            found
        )


def test_the_largest_change_comes_first_and_is_explained() -> None:
    found = compared()
    assert not found.identical
    cause = found.causes[0]
    assert (cause.pipe, cause.what) == ("cube MTE2", "flag MTE2->MTE1")
    assert (cause.a, cause.b, cause.change, cause.share) == (200, 100, -100, 1.0)
    assert cause.where_a == cause.where_b == "kernel.npu:70:5"
    text = render(found)
    assert "\nB takes 100 cycles fewer (x0.90); the busiest pipe is cube S, 10.0% of A" in text
    assert (
        "cube MTE2 waits: flag MTE2->MTE1: 200 -> 100 cycles "
        "(-100, 100.0% of the change, mostly at kernel.npu:70)\n"
    ) in text


def test_the_changes_of_every_pipe_sum_to_that_of_the_run() -> None:
    found = compared(detailed(2), changed())
    pipes: dict[str, float] = {}
    for change in found.figures:
        if change.group == "pipe":
            assert change.change is not None
            pipes[change.owner] = pipes.get(change.owner, 0) + change.change
    assert len(pipes) == 9
    assert all(total == pytest.approx(-100) for total in pipes.values())


def test_figures_stand_side_by_side() -> None:
    b = changed()
    b["traffic"]["tensors"]["B"] = {"read": 4096, "write": 0}
    b["buffers"]["L1"]["peak_bytes"] = 3072
    text = plain(None, b)
    assert row(text, "cycles ") == ["1,000", "900", "-100", "x0.90"]
    assert row(text, "time ") == ["0.54", "us", "0.49", "us", "-0.05", "us", "x0.90"]
    assert row(text, "L1 peak ") == "6.0 KiB 3.0 KiB -3.0 KiB x0.50".split()
    assert row(text, "A read ") == "2.0 KiB 2.0 KiB =".split()
    assert row(text, "B read ") == "- 4.0 KiB -".split()
    assert row(text, "bf16 multiply-adds ") == ["32,768", "32,768", "="]
    assert "BT peak" not in text
    order = [text.index(name) for name in ("\nA read", "\nB read", "\nall tensors read")]
    assert order == sorted(order)


def test_small_stalls_of_a_pipe_are_one_row() -> None:
    a = sample(cycles=100_000)
    for i, core in enumerate(a["cores"]):
        for use in core["pipes"].values():
            use["stalls"] = {"flag_V": 50_000, "dispatch": 300, "bank_conflict": 200 + i}
            use["idle"] = 100_000 - use["busy"] - sum(use["stalls"].values())
    text = plain(a, changed())
    pipe_rows = text.split("pipes (")[1].split("\n\n")[0].splitlines()
    m = next(i for i, line in enumerate(pipe_rows) if line.startswith("cube M "))
    assert [line[13:].split()[0] for line in pipe_rows[m : m + 6]] == [
        "busy", "flag_V", "dispatch", "flag", "others", "idle",
    ]  # fmt: skip
    assert pipe_rows[m + 4].split() == ["others", "200", "0.2%", "0", "0.0%", "-200", "x0.00"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "outputs       equal bit for bit"),
        ({"outputs": {}}, "outputs       not computed in both"),
        ({"outputs": {"C": {"dtype": "f32", "shape": [1], "sha256": "1"}}}, "C differ"),
        ({"outputs": {"D": {"dtype": "f32", "shape": [1], "sha256": "1"}}}, "C only in A, D only"),
    ],
)
def test_outputs(change: dict[str, Any], words: str) -> None:
    assert words in plain(None, changed(**change))


def test_diagnostics_stand_side_by_side() -> None:
    b = changed(diagnostics=[finding(), finding(), {**finding("warning"), "code": "W121"}])
    assert row(plain(None, b), "diagnostics ") == ["clean", "E117", "x2,", "W121"]
    found = compared(None, b)
    assert (found.a.errors, found.b.errors, found.b.findings) == (0, 2, {"E117": 2, "W121": 1})


def test_two_machines_also_compare_their_time() -> None:
    b = changed(machine="ascend950pr", time_us=0.75)
    assert "B takes 100 cycles fewer (x0.90), 0.21 us more (x1.39);" in plain(None, b)


def moved(report: dict[str, Any], lines: int, name: str = "kernel.npu") -> dict[str, Any]:
    """The report with its places so many lines further down, in another file if one is named."""

    def place(where: str) -> str:
        file, line, column = where.split(":")
        return f"{name}:{int(line) + lines}:{column}" if where else ""

    found = json.loads(json.dumps(report))
    for view in ("lines", "waits"):
        for entry in found[view]:
            entry |= {key: place(entry[key]) for key in entry if key.endswith("where")}
    return found


def test_places_that_moved_are_matched() -> None:
    a, b = as_report(detailed()), as_report(moved(changed(), 13))
    matching = Matching(a, b)
    assert matching.in_first("kernel.npu:83:5") == "kernel.npu:70:5"
    assert matching.in_first("kernel.npu:82:5") == ""
    found = compare(a, b)
    wait = found.waits[0]
    assert (wait.where_a, wait.where_b) == ("kernel.npu:70:5", "kernel.npu:83:5")
    assert (wait.a, wait.b, wait.change, wait.flag) == (200, 100, -100, "MTE2 -> MTE2 0")
    assert not found.lines[0].change
    assert "kernel.npu:70 -> :83  wait_flag for MTE2 -> MTE2 0\n" in render(found)


def test_a_line_taken_out_leaves_the_others_matched() -> None:
    a, b = detailed(), moved(changed(), 0)
    b["lines"][0]["busy"] += b["lines"][1]["busy"]
    del b["lines"][1]
    b["lines"][0]["heads"] = 0
    found = compared(a, moved(b, 1))
    parts = {(p.pipe, p.where_a): p.where_b for p in found.lines}
    assert parts["cube FIX", "kernel.npu:20:5"] == ""
    assert parts["cube M", "kernel.npu:30:5"] == "kernel.npu:31:5"
    assert " in A alone" in render(found)


def test_files_of_one_kernel_match_by_name_those_of_two_by_path() -> None:
    a = moved(detailed(), 0, "/x/kernel.npu")
    b = moved(changed(), 0, "/y/kernel.npu")
    assert compared(a, b).waits[0].where_a == "/x/kernel.npu:70:5"
    other = compared(a, {**b, "kernel": "another"})
    assert not any(place.where_a and place.where_b for place in other.waits)
    shared = compared(a, {**moved(changed(), 0, "/x/kernel.npu"), "kernel": "another"})
    assert all(place.where_a == place.where_b for place in shared.waits)


def test_the_typed_comparison() -> None:
    found = json.loads(encode(compared()))
    assert found["schema"] == "npuemu-diff-1"
    assert found["a"]["cycles"] == 1000 and found["b"]["busiest"] == "cube S"
    assert found["causes"][0]["change"] == -100 and found["outputs"] == {"C": "equal"}
    cycles = found["figures"][0]
    assert (cycles["what"], cycles["a"], cycles["b"], cycles["factor"]) == (
        "cycles", 1000, 900, 0.9,
    )  # fmt: skip


@pytest.mark.parametrize("width", [80, 100, 120, 160])
@pytest.mark.parametrize("blocks", [1, 24])
def test_it_fits_a_terminal(width: int, blocks: int) -> None:
    a = moved(detailed(blocks), 0, "/some/where/programs/msd_combine_gm.inc")
    b = moved(changed(), 5, "/some/where/programs/msd_combine_gm.inc")
    text = render(compared(a, b), Style(unicode=True, width=width))
    assert max(map(len, text.splitlines())) <= width
    said = " ".join(text.split())
    assert "cube MTE2 waits: flag MTE2->MTE1: 200 -> 100 cycles" in said
    assert "msd_combine_gm.inc:70 -> :75 wait_flag for MTE2 -> MTE2 0" in said


def test_words_of_changes() -> None:
    assert words("flag_MTE1") == "waits for flags of MTE1"
    assert words("busy") == "works" and words("novel") == "waits: novel"
    assert [signed(n) for n in (1234.4, -1, 0, 0.4)] == ["+1,234", "-1", "=", "="]
    assert signed(-1536, "bytes") == "-1.5 KiB" and signed(0.001, "us") == "="
    assert [factor(*p) for p in ((2, 1), (0, 1), (1, 1), (1, 250), (None, 1))] == [
        "x0.50", "", "", "x250", "",
    ]  # fmt: skip
