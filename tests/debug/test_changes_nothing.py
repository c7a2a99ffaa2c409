"""Breaks only look: a run that stops at every instruction is the run that stops nowhere."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import npuemu
from npuemu import api
from npuemu.engine import state as st
from npuemu.engine.breaks import Breaks, Stop
from npuemu.engine.launch import Launch
from npuemu.machine import load, names
from npuemu.machine.reach import reached
from npuemu.runner import Options, Session, recording, report
from tests.debug.kernels import LOOP, behind, line, run

CASES = [
    ("gemm_bf16", "ascend910b1", 1, {"M": 17, "N": 32, "K": 96}, "full", 0),
    ("gemm_w8a16_msd", "ascend910b1", 2, {"M": 5, "N": 64, "K": 64}, "full", 0),
    ("gemm_w8a16_msd", "ascend950pr", 2, {"M": 5, "N": 64, "K": 64}, "full", 3),
    ("gemm_w8a16_dequant", "ascend910b1", 3, {"M": 33, "N": 64, "K": 128}, "timing", 0),
]  # fmt: skip


def everywhere(session: Session, seen: Counter[str]) -> Breaks:
    """Breaks at every row; ``seen`` counts executions by name."""
    records = session.decoded.records
    data = st.BREAK_HOLD | st.BREAK_EFFECT
    rows = {row: data if r.is_data else st.BREAK_STEP for row, r in enumerate(records)}

    def met(launch: Launch, stop: Stop) -> None:
        seen[records[stop.row].name] += 1

    return Breaks(rows, met, lambda cycle: None)


@pytest.mark.parametrize(("kernel", "machine", "blocks", "params", "mode", "jitter"), CASES)
def test_stopping_everywhere(
    kernel: str, machine: str, blocks: int, params: dict[str, int], mode: str, jitter: int
) -> None:
    program = npuemu.load(kernel, machine=machine, blocks=blocks, **params)
    session = Session(program, load(machine))
    options = Options(mode=mode, jitter=jitter, record=(0, 1 << 40))
    found: list[tuple[dict[str, Any], np.ndarray[Any, Any], Any, Any]] = []
    seen: Counter[str] = Counter()
    for breaks in (None, everywhere(session, seen)):
        gm = api._global_memory(program, True)
        api._fill(program, gm, {}, 0, True)
        launch = session.launch(gm, options, observe=True)
        if breaks is not None:
            launch = with_breaks(launch, breaks)
        done = report(session, launch, launch.run())
        profile = launch.state.profile[:, : st.F_ELEMENTS + 1].copy()
        found.append((done, gm, profile, recording(session, launch).events))
    (plain, gm_plain, profile, events), (stopped, gm_stopped, profile_stopped, others) = found
    assert plain == stopped and plain["diagnostics"] == []
    assert np.array_equal(gm_plain, gm_stopped)
    assert np.array_equal(profile, profile_stopped)
    assert len(events) > 40 and np.array_equal(events, others)
    counted: Counter[str] = Counter()
    for row, record in enumerate(session.decoded.records):
        counted[record.name] += int(profile[row, st.F_COUNT])
    data = {r.name for r in session.decoded.records if r.is_data}
    assert {n: seen[n] for n in data} == {n: counted[n] for n in data} and sum(counted.values())
    instructions = sum(c["pipes"]["S"]["instructions"] for c in plain["cores"])
    halts = 3 * blocks if len(program.code) == 2 else blocks
    assert sum(seen[n] for n in seen.keys() - data) + sum(counted.values()) == instructions - halts


def with_breaks(launch: Launch, breaks: Breaks) -> Launch:
    """The same launch with breaks."""
    fields = (
        "decoded", "machine", "blocks", "gm", "tensors", "mode", "observe", "check", "named",
        "window", "jitter",
    )  # fmt: skip
    return Launch(**{name: getattr(launch, name) for name in fields}, breaks=breaks)


@pytest.mark.parametrize("mode", ["full", "timing", "numbers"])
def test_prints_and_dumps_change_no_report(mode: str) -> None:
    text = behind(LOOP, load="{r5}", double="{x:f32} {r4}", advance="{r5:x}", store="{y:f32 x 4}")
    silent = "\n".join(";" if ".print" in row else row for row in text.splitlines())
    double, store = line(text, "; double"), line(text, "; store")
    dumps = [f"UB@{double}", f"Y@{store}:2", f"GM@{store}:3"] if mode != "timing" else []
    shown, plain = run(text, mode=mode, dumps=dumps), run(silent, mode=mode)
    assert len(shown.prints) == 16 and plain.prints == []
    assert shown.report == plain.report and shown.cycles > 500
    assert {n: a.tobytes() for n, a in shown.outputs.items()} == {
        n: a.tobytes() for n, a in plain.outputs.items()
    }


def test_a_run_that_fails_is_the_same() -> None:
    """A flag is raised twice after the first round: the lines until then come, and the finding."""
    text = behind(LOOP, double="{r4}").replace("    wait_flag MTE3, MTE2, 0\n", "")
    silent = "\n".join(";" if ".print" in row else row for row in text.splitlines())
    shown, plain = run(text), run(silent)
    assert shown.report == plain.report and not shown.ok
    assert [p.text for p in shown.prints] == ["0"]


@pytest.mark.parametrize("name", names)
def test_cores_reach_what_the_engine_gives_them(name: str) -> None:
    launch = Launch.__new__(Launch)
    launch.machine = load(name)
    for core, section in enumerate(("cube", "vector", "vector")):
        seen = {"GM", *launch._seen_by(core)}
        assert seen == set(reached(launch.machine.features, section))
