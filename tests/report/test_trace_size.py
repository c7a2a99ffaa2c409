"""Long runs: the file stays small, the longest slices stay, and what merged adds up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npuemu.report.trace import write
from npuemu.report.trace.build import build
from npuemu.report.trace.model import INSTRUCTION, MERGED, STALL, Trace
from tests.report import made_by_hand as hand
from tests.report.reading import read
from tests.report.recordings import pipeline

MB = 1_000_000
ROOT = Path(__file__).resolve().parents[2]


def totals(trace: Trace) -> dict[tuple[int, int], int]:
    """Instructions, stalls, busy and stalled cycles of every track, merged or not."""
    found: dict[tuple[int, int], int] = {}
    spans = trace.items["stop"] - trace.items["start"]
    for track in range(len(trace.tracks)):
        own = trace.items["track"] == track
        merged = trace.merged[trace.items["extra"][own & (trace.items["kind"] == MERGED)]]
        for place, (kind, count, spent) in enumerate(
            ((INSTRUCTION, "instructions", "busy"), (STALL, "stalls", "stalled"))
        ):
            single = own & (trace.items["kind"] == kind)
            found[track, 2 * place] = int(single.sum() + merged[count].sum())
            found[track, 2 * place + 1] = int(spans[single].sum() + merged[spent].sum())
    return found


@pytest.mark.parametrize("budget", [60, 300, 2000])
def test_merged_slices_add_up(budget: int) -> None:
    made = pipeline(500, cores=2)
    whole, small = build(made, {}, 10**9), build(made, {}, budget)
    assert (
        len(small.items)
        <= max(budget, 5 * len(small.tracks))
        < len(whole.items)
        == small.merging.items
    )
    assert totals(small) == totals(whole)
    below = small.merging.below
    spans = whole.items["stop"] - whole.items["start"]
    kept = small.items[small.items["kind"] != MERGED]
    stay = whole.items[spans >= below]
    assert set(stay["start"]) <= set(kept["start"]) and len(stay) > budget // 10
    assert small.merging.merged + len(kept) == len(whole.items)
    assert small.merging.slices == len(small.items) - len(kept) == len(small.merged)


@pytest.mark.parametrize("budget", [60, 300, 2000])
def test_slices_still_do_not_overlap(budget: int) -> None:
    small = build(pipeline(500, cores=2), {}, budget)
    for track in range(len(small.tracks)):
        own = small.items[small.items["track"] == track]
        own = np.sort(own[own["stop"] > own["start"]], order="start")
        assert (own["start"][1:] >= own["stop"][:-1]).all()


def test_no_arrow_touches_a_merged_slice() -> None:
    made = pipeline(500, cores=2)
    whole, small = build(made, {}, 10**9), build(made, {}, 1000)
    for ends in (small.sources, small.targets):
        assert (small.items["kind"][ends] != MERGED).all()
    assert 0 < len(small.sources) == len(whole.sources) - small.merging.arrows


@pytest.mark.parametrize("budget", range(1, 40))
def test_moments_merge_too(budget: int) -> None:
    """All kinds of items in little room; what remains is still a trace."""
    small = build(hand.recording(), {}, budget)
    for track in range(len(small.tracks)):
        own = small.items[small.items["track"] == track]
        own = np.sort(own[own["stop"] > own["start"]], order="start")
        assert (own["start"][1:] >= own["stop"][:-1]).all()


@pytest.mark.parametrize("name", ["t.pftrace", "t.json"])
def test_the_file_says_what_was_merged(tmp_path: Path, name: str) -> None:
    done = write(tmp_path / name, pipeline(500), budget=200)
    found = read(tmp_path / name)
    assert found.facts["decimation"] == str(done.merging) and str(done.merging) in str(done)
    merged = [item for item in found.items if item.category == "merged"]
    assert len(merged) == done.merging.slices > 20
    for item in merged:
        word = "instructions" if item.args["instructions"] else "stalls"
        assert item.name == f"{item.args[word]:,} {word}"
        busy, length = item.args["busy"], item.stop - item.start
        assert busy + item.args["stalled"] <= length
        assert item.args["busy_percent"] == 100 * busy // length
        lane = {"MTE2": "mov_gm_l1", "MTE1": "load_l1_l0a", "M": "mmad", "FIX": "fix_l0c_gm"}
        assert item.args["mostly"] == (lane[item.lane[1]] if item.args["instructions"] else "")


def measured(path: Path, turns: int, cores: int) -> dict[str, Any]:
    """What writing the trace of a pipeline takes, in a process of its own."""
    command = [sys.executable, "-m", "tests.report.measure", str(path), str(turns), str(cores)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["bytes"] == path.stat().st_size < 100 * MB
    return found


@pytest.mark.parametrize("name", ["t.pftrace", "t.json"])
def test_a_million_events(tmp_path: Path, name: str) -> None:
    found = measured(tmp_path / name, 12_500, 8)
    assert found["events"] > 990_000
    assert found["seconds"] < 20 and found["grown"] < 600 * MB
    steps = found["steps"]
    assert steps[-1][0] == steps[-1][1] > 0 and all(done <= total for done, total in steps)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t.pftrace", "t.json", "t.json.gz"])
@pytest.mark.parametrize("cores", [1, 24])
def test_ten_million_events(tmp_path: Path, name: str, cores: int) -> None:
    found = measured(tmp_path / name, 1_000_000 // cores, cores)
    assert found["events"] > 9_900_000
    assert found["seconds"] < 120 and found["grown"] < 2000 * MB
    shown = read(tmp_path / name)
    assert len(shown.items) == found["items"] > 50_000
    assert shown.facts["decimation"] != "nothing merged"
