"""Traces of real kernels against their reports: the same cycles, stalls, peaks and bytes."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import npuemu
from npuemu.isa.table import PIPES
from npuemu.observe.recording import CROSS_WAIT, WAIT
from npuemu.report.trace import write
from tests.report.reading import Shown, read

RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "attention": ("attn_bf16", {"H": 2, "NQ": 20, "G": 2, "KV": 200, "D": 64, "blocks": 2}),
    "gemm": ("gemm_bf16", {"M": 768, "N": 768, "K": 256, "blocks": 24, "mode": "timing"}),
    "a5": ("gemm_w8a8", {"M": 64, "N": 128, "K": 128, "blocks": 3, "machine": "ascend950pr"}),
}
KINDS = {"cube": "aic", "vector 0": "aiv0", "vector 1": "aiv1"}


@cache
def run(name: str) -> npuemu.Run:
    """The recorded run of that name."""
    kernel, options = RUNS[name]
    return npuemu.run(kernel, record=True, **options)


@pytest.fixture(scope="module", params=[(n, f) for n in RUNS for f in ("t.pftrace", "t.json")],
                ids=lambda p: "-".join(p))  # fmt: skip
def traced(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[npuemu.Run, Shown]:
    """A run and what its file shows."""
    name, file = request.param
    done = run(name)
    assert done.ok and done.recording is not None
    path: Path = tmp_path_factory.mktemp("trace") / file
    write(path, done.recording)
    return done, read(path)


def report_name(core: str) -> str:
    """``0.aiv1`` from ``block 00 vector 1``."""
    _, number, kind = core.split(maxsplit=2)
    return f"{int(number)}.{KINDS[kind]}"


def lane(event: np.void) -> tuple[str, str]:
    """Core and pipe of an event, as the report calls them."""
    kind = ("aic", "aiv0", "aiv1")[event["core"] % 3]
    return f"{event['core'] // 3}.{kind}", PIPES[event["pipe"]]


def test_every_cycle_of_every_pipe(traced: tuple[npuemu.Run, Shown]) -> None:
    """Stalls by cause are those of the report; instructions fill what it calls busy or lost."""
    done, shown = traced
    cycles: dict[tuple[str, str], Counter[str]] = {}
    for item in shown.items:
        own = cycles.setdefault((report_name(item.lane[0]), item.lane[1]), Counter())
        own[item.args.get("cause", "busy")] += item.stop - item.start
    compared = 0
    for core in done.report["cores"]:
        for name, pipe in core["pipes"].items():
            if not pipe["instructions"]:
                continue
            stalls = dict(pipe["stalls"])
            lost = stalls.pop("bank_conflict", 0) + stalls.pop("shared_bandwidth", 0)
            expected = Counter(stalls) + Counter(busy=pipe["busy"] + lost)
            assert +cycles[core["core"], name] == expected, (core["core"], name)
            compared += 1
    assert compared == len(shown.lanes) and sorted(set(shown.lanes)) == sorted(shown.lanes)


def test_slices_of_a_lane_do_not_overlap(traced: tuple[npuemu.Run, Shown]) -> None:
    _, shown = traced
    for core, pipe in shown.lanes:
        own = [item for item in shown.lane(core, pipe) if item.stop > item.start]
        assert all(a.stop <= b.start for a, b in zip(own, own[1:], strict=False))
        assert own[0].start == 0


def test_arrows_lead_from_a_set_to_its_wait(traced: tuple[npuemu.Run, Shown]) -> None:
    """One a wait that was met, from pipe to pipe, from when the flag rose to when that was seen."""
    done, shown = traced
    assert done.recording is not None
    events = done.recording.events
    expected: Counter[tuple[str, ...]] = Counter()
    for wait in events[np.isin(events["kind"], (WAIT, CROSS_WAIT))]:
        ends = (events[wait["link"]], wait)
        expected[tuple(word for end in ends for word in lane(end))] += 1
    found: Counter[tuple[str, ...]] = Counter()
    for source, target in shown.arrows:
        places = [(report_name(item.lane[0]), item.lane[1]) for item in (source, target)]
        found[*places[0], *places[1]] += 1
        raised = source.args.get("end", source.start)
        assert source.start <= raised <= target.start
    assert found == expected and len(found) > 4
    # gemm_bf16 has no vector code, so nothing crosses there
    crossing = sum(n for key, n in found.items() if key[0] != key[2])
    assert (crossing > 0) == (done.report["kernel"] != "gemm_bf16")


def test_stalls_are_the_waits_of_the_report(traced: tuple[npuemu.Run, Shown]) -> None:
    done, shown = traced
    found: Counter[tuple[str, ...]] = Counter()
    for item in shown.items:
        if item.category == "stall" and item.args["cause"] != "dispatch":
            kind = report_name(item.lane[0]).split(".")[1][:3]
            where, raised = item.args.get("waits_where", ""), item.args.get("set_where", "")
            found[kind, item.lane[1], item.args["cause"], where, raised] += item.stop - item.start
    expected: Counter[tuple[str, ...]] = Counter()
    for wait in done.report["waits"]:
        cause = wait["cause"]
        if cause not in ("dispatch", "bank_conflict", "shared_bandwidth"):
            key = (wait["core"], wait["pipe"], cause, wait["where"], wait["set_where"])
            expected[key] += wait["cycles"]
    assert found == expected and len(found) > 3


def test_curves_reach_the_peaks_of_the_report(traced: tuple[npuemu.Run, Shown]) -> None:
    done, shown = traced
    compared = 0
    for memory, buffer in done.report["buffers"].items():
        curves = {
            report_name(core): curve
            for (core, name), curve in shown.curves.items()
            if name == f"{memory} live"
        }
        if not buffer["peak_bytes"]:
            assert not curves
            continue
        assert max(v for curve in curves.values() for _, v in curve) == buffer["peak_bytes"]
        assert (buffer["peak_cycle"], buffer["peak_bytes"]) in curves[buffer["core"]]
        compared += 1
    assert compared >= 2


def test_bandwidth_moves_the_bytes_of_the_report(traced: tuple[npuemu.Run, Shown]) -> None:
    done, shown = traced
    for way in ("read", "write"):
        curve = shown.curves["all cores", f"GM {way}"]
        moved = sum(
            rate * (after - time)
            for (time, rate), (after, _) in zip(curve, curve[1:], strict=False)
        )
        total = done.report["traffic"][f"gm_{way}_bytes"]
        assert curve[-1][1] == 0 and moved == pytest.approx(total, rel=1e-2)


@pytest.mark.parametrize("window", [(0, 700), (600, 1400), (3000, 1 << 40), (0, 1)])
def test_a_window_shows_a_part_of_the_whole(tmp_path: Path, window: tuple[int, int]) -> None:
    kernel, options = RUNS["attention"]
    whole, part = run("attention"), npuemu.run(kernel, record=window, **options)
    assert whole.recording is not None and part.recording is not None
    write(tmp_path / "w.pftrace", whole.recording)
    write(tmp_path / "p.pftrace", part.recording)
    everything, some = read(tmp_path / "w.pftrace"), read(tmp_path / "p.pftrace")
    first, last = window[0], min(window[1], whole.cycles)

    def instructions(shown: Shown) -> set[tuple[Any, ...]]:
        own = (i for i in shown.items if i.category == "instruction")
        touching = (i for i in own if i.args["start"] < last and i.args["end"] >= first)
        return {(i.lane, i.name, i.start, i.args["end"], i.args["where"]) for i in touching}

    assert instructions(some) == instructions(everything)
    assert len(instructions(some)) > 0 or window == (0, 1)
    shown = [i for i in some.items if i.category == "instruction"]
    assert len(shown) == len(instructions(some))
    assert some.facts["window"] == f"cycles {first} to {last}"
    for (core, name), curve in some.curves.items():
        assert all(first <= t <= last + 4096 for t, _ in curve), (core, name)
