"""Long runs: the file stays small, the longest slices stay, and what merged adds up."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npuemu.observe.recording import Recording
from npuemu.report.trace import write
from npuemu.report.trace.build import build
from npuemu.report.trace.model import INSTRUCTION, MERGED, STALL, Trace
from tests.report import made_by_hand as hand
from tests.report.reading import Shown, read
from tests.report.recordings import pipeline

MB = 1_000_000


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
    assert len(small.items) <= budget < len(whole.items) == small.merging.items
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


def _steps(found: list[dict[str, Any]]) -> Callable[[dict[str, Any]], None]:
    return found.append


def measured(made: Recording, path: Path) -> tuple[float, int, list[dict[str, Any]]]:
    """CPU seconds and bytes of memory that writing takes, and its progress."""
    steps: list[dict[str, Any]] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    done = write(path, made, progress=_steps(steps))
    seconds = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert done.bytes < 100 * MB
    return seconds, grown, steps


@pytest.mark.parametrize("name", ["t.pftrace", "t.json"])
def test_a_million_events(tmp_path: Path, name: str) -> None:
    made = pipeline(12_500, cores=8)
    seconds, grown, steps = measured(made, tmp_path / name)
    assert seconds < 20 and grown < 1000 * MB
    assert steps[-1]["done"] == steps[-1]["total"] > 0
    assert all(step["done"] <= step["total"] for step in steps)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t.pftrace", "t.json", "t.json.gz"])
@pytest.mark.parametrize("cores", [1, 24])
def test_ten_million_events(tmp_path: Path, name: str, cores: int) -> None:
    made = pipeline(1_000_000 // cores, cores=cores)
    assert len(made.events) > 9_900_000
    seconds, grown, _ = measured(made, tmp_path / name)
    assert seconds < 120 and grown < 2000 * MB
    found: Shown = read(tmp_path / name)
    assert found.facts["decimation"] != "nothing merged"
