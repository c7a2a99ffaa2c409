"""Trace files, read back by other code: everything a recording says is in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npuemu.isa.table import PIPES
from npuemu.observe.recording import DATA, WAIT, Recording
from npuemu.report.trace import write
from tests.report import made_by_hand as hand
from tests.report.reading import Item, Shown, read
from tests.report.recordings import pipeline

FORMS = ("t.pftrace", "t.json", "t.json.gz")
TIMES = {
    "start": "start", "free": "free", "end": "end", "dispatch": "dispatch", "head": "head",
    "bank_conflict": "bank", "shared_bandwidth": "bandwidth", "gm_bytes": "detail",
}  # fmt: skip


def shown(recording: Recording, path: Path, **options: int) -> Shown:
    """What a viewer gets from the file of a recording."""
    done = write(path, recording, {"params.M": 16}, **options)
    assert done.bytes == path.stat().st_size
    found = read(path)
    assert (done.items, done.arrows) == (len(found.items), len(found.arrows))
    return found


@pytest.mark.parametrize("name", FORMS)
def test_slices_moments_and_arrows(tmp_path: Path, name: str) -> None:
    found = shown(hand.recording(), tmp_path / name)
    for core, lanes in hand.SLICES.items():
        for pipe, slices in lanes.items():
            own = found.lane(core, pipe)
            lasting = [(i.start, i.stop, i.name) for i in own if i.stop > i.start]
            assert lasting == slices
            moments = [(i.start, i.name) for i in own if i.stop == i.start]
            assert moments == hand.MOMENTS.get((core, pipe), [])
    count = sum(len(s) for lanes in hand.SLICES.values() for s in lanes.values())
    assert len(found.items) == count + sum(len(m) for m in hand.MOMENTS.values())
    arrows = [(*a.lane, a.start, *b.lane, b.start) for a, b in found.arrows]
    assert sorted(arrows) == sorted(hand.ARROWS)


@pytest.mark.parametrize("name", FORMS)
def test_lanes_are_in_order_of_core_and_pipe(tmp_path: Path, name: str) -> None:
    found = shown(hand.recording(), tmp_path / name)
    assert found.lanes == [(core, pipe) for core in hand.SLICES for pipe in hand.SLICES[core]]


@pytest.mark.parametrize("name", FORMS)
def test_arguments(tmp_path: Path, name: str) -> None:
    found = shown(hand.recording(), tmp_path / name)
    move, mmad = found.lane("block 0 vector 0", "MTE2")[1], found.lane("block 0 cube", "M")[2]
    assert move.args == {
        "text": "mov_gm_ub r1, r2, len=256", "where": "k.npu:1:5", "operand.dst": 4096,
        "operand.src": 1 << 40, "operand.n_burst": 1, "operand.len": 256, "start": 4, "free": 100,
        "end": 110, "dispatch": 4, "head": 50, "shared_bandwidth": 7, "gm_bytes": 256,
    }  # fmt: skip
    assert mmad.args["operand.type"] == "bf16" and mmad.args["operand.src1"] == 192
    add = found.lane("block 0 vector 0", "V")[2]
    assert add.args["operand.dst"] == -1 and add.args["bank_conflict"] == 5
    wait, crossed = found.lane("block 0 vector 0", "V")[1], found.lane("block 0 cube", "M")[1]
    assert wait.args == {
        "cause": "flag_MTE2", "waits": "wait_flag ...", "waits_where": "k.npu:3:5",
        "set": "set_flag ...", "set_where": "k.npu:2:5", "awaited": "mov_gm_ub r1, r2, len=256",
        "awaited_where": "k.npu:1:5", "for": "block 0 vector 0 MTE2", "start": 7, "cycles": 103,
    }  # fmt: skip
    assert crossed.args["cause"] == "cross_core_flag" and "awaited" not in crossed.args
    full, barrier = (found.lane("block 0 vector 0", "S")[i] for i in (4, 6))
    assert (full.args["cause"], full.args["awaited"]) == ("queue_full", "vadd.f32 r1, r1, r1")
    assert (barrier.args["cause"], barrier.args["awaited_where"]) == ("barrier", "k.npu:1:5")
    first = found.lane("block 0 vector 0", "S")[0]
    assert first.args == {"start": 0, "cycles": 13, "queued": 9}


@pytest.mark.parametrize("name", FORMS)
def test_curves_and_facts(tmp_path: Path, name: str) -> None:
    found = shown(hand.recording(), tmp_path / name)
    assert found.curves["block 0 vector 0", "UB live"] == hand.UB_LIVE
    read_rate = found.curves["all cores", "GM read"]
    ends = [*(time for time, _ in read_rate[1:]), 1024]
    moved = sum(rate * (end - time) for (time, rate), end in zip(read_rate, ends, strict=True))
    assert moved == pytest.approx(3 * 256, rel=1e-3)
    assert ("all cores", "GM write") not in found.curves
    assert found.facts["kernel"] == "by_hand" and found.facts["machine"] == "ascend910b1"
    assert found.facts["params.M"] == 16 and found.facts["clock_mhz"] == 1850.0
    assert (found.facts["window"], found.facts["cycles"]) == ("all cycles", 1000)
    assert found.facts["decimation"] == "nothing merged"


@pytest.mark.parametrize("name", FORMS)
def test_a_window(tmp_path: Path, name: str) -> None:
    """Before the first event of a pipe in the window it waited for what came then."""
    whole = hand.recording()
    kept = np.flatnonzero((whole.events["start"] < 400) & (whole.events["end"] >= 200))
    events = whole.events[kept].copy()
    numbers = {old: new for new, old in enumerate(kept.tolist())}
    events["link"] = [numbers.get(link, -1) for link in events["link"].tolist()]
    values = [v for e in kept.tolist() for v in hand.VALUES.get(e, ())]
    part = replace(whole, window=(200, 400), events=events, values=np.array(values, np.int64))
    found = shown(part, tmp_path / name)
    own = [(i.start, i.stop, i.name) for i in found.lane("block 0 vector 0", "MTE2")]
    assert own == [(200, 310, "wait: dispatch"), (310, 335, "mov_gm_ub")]
    scalar = [(i.start, i.stop, i.name) for i in found.lane("block 0 vector 0", "S")]
    assert scalar == hand.SLICES["block 0 vector 0"]["S"][3:]
    assert found.facts["window"] == "cycles 200 to 400"
    assert found.curves["block 0 vector 0", "UB live"] == [(200, 256), (400, 0)]
    assert found.lane("block 0 cube", "M")[0].args["cause"] == "cross_core_flag"
    assert found.lane("block 0 cube", "M")[0].start == 200


def test_an_empty_recording(tmp_path: Path) -> None:
    whole = hand.recording()
    none = replace(
        whole, events=whole.events[:0], values=whole.values[:0], live=whole.live[:0], code=()
    )
    for name in FORMS:
        assert shown(none, tmp_path / name).items == []


@pytest.mark.parametrize("name", FORMS)
def test_many_turns_of_a_pipeline(tmp_path: Path, name: str) -> None:
    """Every data event is a slice with its values; every wait that was met is an arrow."""
    made = pipeline(40, cores=11)
    found = shown(made, tmp_path / name)
    lanes: dict[tuple[str, str], list[Item]] = {}
    for item in found.items:
        if item.category == "instruction":
            lanes.setdefault(item.lane, []).append(item)
    taken = made.value_start
    events = made.events
    for core in range(0, 33, 3):
        for pipe in ("MTE2", "MTE1", "M", "FIX"):
            chosen = (events["core"] == core) & (events["pipe"] == PIPES.index(pipe))
            numbers = np.flatnonzero(chosen & (events["kind"] == DATA))
            own = sorted(lanes[f"block {core // 3:02} cube", pipe], key=lambda i: i.start)
            following = [*events["start"][numbers[1:]].tolist(), 1 << 60]
            for item, number, after in zip(own, numbers.tolist(), following, strict=True):
                event = events[number]
                code = made.code[event["row"]]
                assert (item.name, item.start) == (code.name, event["start"])
                assert item.stop == min(int(event["end"]), after)
                assert item.args["where"] == code.where and item.args["text"] == code.text
                for key, field in TIMES.items():
                    assert item.args.get(key, 0) == event[field]
                for place, operand in enumerate(code.registers):
                    value = made.values[taken[number] + place]
                    assert item.args[f"operand.{code.operands[operand][0]}"] == value
    waits = (events["kind"] == WAIT) & (events["link"] >= 0)
    assert len(found.arrows) == waits.sum() == 11 * 40 * 3
    raised = sorted(events["start"][events["link"][waits]].tolist())
    assert sorted(source.args["end"] for source, _ in found.arrows) == raised
    for source, target in found.arrows:
        assert source.lane[0] == target.lane[0] and source.args["end"] <= target.start


@pytest.mark.parametrize("name", FORMS)
def test_live_bytes_of_a_pipeline(tmp_path: Path, name: str) -> None:
    made = pipeline(40, cores=2)
    found = shown(made, tmp_path / name)
    for core in (0, 3):
        own = made.live[made.live["slot"] // 16 == core]
        curve = found.curves[f"block {core // 3} cube", "L1 live"]
        for time, value in curve:
            alive = (own["start"] <= time) & (time < own["stop"])
            assert value == own["bytes"][alive].sum()
        times = {t for row in own for t in (row["start"], row["stop"])}
        assert {t for t, _ in curve} <= times and len(curve) > 20


def test_times_are_exact_however_late(tmp_path: Path) -> None:
    """A cycle is one unit of each form: a microsecond, a nanosecond."""
    whole = hand.recording()
    events = whole.events.copy()
    late = 3_000_000_001
    for field in ("dispatch", "start", "free", "end"):
        events[field] += late
    moved = replace(whole, events=events, cycles=late + 1000, window=(late, late + 1000))
    for name in FORMS:
        found = shown(moved, tmp_path / name)
        unit = "ns" if name == "t.pftrace" else "us"
        assert found.facts["time_unit"] == f"1 {unit} of this trace is 1 cycle"
        own = found.lane("block 0 vector 0", "V")
        expected = hand.SLICES["block 0 vector 0"]["V"]
        assert [(i.start - late, i.stop - late, i.name) for i in own] == expected
