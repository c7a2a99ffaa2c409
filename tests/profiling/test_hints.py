"""A profile names the bound that the stalls prove, and hints whose figures stand in the report."""

from __future__ import annotations

import json
import re
from functools import reduce
from typing import Any

import pytest

import npuemu
from npuemu.cli.main import main
from npuemu.profiling.profile import BOUND
from npuemu.report.json_schema import Hint, Profile, decode

BEST = [
    pytest.param("gemm_bf16", "ascend910b1", dict(M=512, N=512, K=2048), "M", id="gemm_bf16"),
    pytest.param("gemm_mxfp4", "ascend950pr", dict(M=128, N=512, K=4096), "MTE2", id="gemm_mxfp4"),
    pytest.param("quantize_int8", "ascend910b1", dict(M=256, K=256), "V", id="quantize_int8"),
    pytest.param("gemm_w8a16_msd", "ascend910b1", dict(M=512, N=128, K=512), "V", id="msd"),
    pytest.param("quantize_mxfp8", "ascend910b1", dict(M=256, K=512), "V", id="quantize_mxfp8"),
    pytest.param("attn_bf16", "ascend910b1", {}, None, id="attn_bf16"),
    pytest.param("gemm_w8a8", "ascend910b1", {}, None, id="gemm_w8a8"),
]
"""Kernels, shapes, and the pipe that bounds them; None: waiting does."""

SERIAL = """
.kernel serial
.machines ascend910b1
.tensor X f32 [65536] in
.tensor Y f32 [65536] out
.section vector
    subblock_idx r1
    bne r1, 0, end
    li r1, 0
    li r2, X
    li r3, Y
    li r4, 0
    set_flag V, MTE2, 0
again:
    wait_flag V, MTE2, 0
    mov_gm_ub r1, r2, len=16384
    set_flag MTE2, V, 0
    wait_flag MTE2, V, 0
    vabs.f32 r1, r1, rep=64
    set_flag V, MTE3, 0
    wait_flag V, MTE3, 0
    mov_ub_gm r3, r1, len=16384
    set_flag MTE3, V, 0
    wait_flag MTE3, V, 0
    set_flag V, MTE2, 0
    add r2, r2, 16384
    add r3, r3, 16384
    add r4, r4, 1
    blt r4, 16, again
    wait_flag V, MTE2, 0
end:
    halt
"""


def made(
    kernel: Any, machine: str = "ascend910b1", **params: int
) -> tuple[dict[str, Any], Profile]:
    """A run's report with its profile in it, and the profile."""
    done = npuemu.run(kernel, machine, mode="timing", record=True, **params)
    found = npuemu.profile(done)
    report = json.loads(json.dumps(done.report))
    report["profile"] = {"critical_path": [vars_of(share) for share in found.critical_path]}
    return report, found


def vars_of(struct: Any) -> dict[str, Any]:
    """Fields of a part of a report."""
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def at(report: dict[str, Any], pointer: str) -> Any:
    """What a JSON pointer means in a report."""
    keys = pointer.removeprefix("/").split("/")
    return reduce(lambda part, key: part[int(key) if isinstance(part, list) else key], keys, report)


@pytest.mark.parametrize(("name", "machine", "params", "pipe"), BEST)
def test_the_bound_is_what_the_stalls_prove(
    name: str, machine: str, params: dict[str, int], pipe: str | None
) -> None:
    report, found = made(name, machine, **params)
    waiting = {
        (core["core"].split(".")[1][:3], which): [] for core in report["cores"]
        for which in core["pipes"]
    }  # fmt: skip
    for core in report["cores"]:
        for which, use in core["pipes"].items():
            if use["instructions"]:
                rest = (sum(use["stalls"].values()) + use["idle"]) / report["cycles"]
                waiting[core["core"].split(".")[1][:3], which].append(rest)
    means = {key: sum(rests) / len(rests) for key, rests in waiting.items() if rests}
    least = min(means, key=lambda key: means[key])
    assert (found.bound.core, found.bound.pipe) == least
    assert found.bound.share == pytest.approx(1 - means[least])
    assert (found.bound.kind == "pipe") == (means[least] <= 1 - BOUND) == (pipe is not None)
    if pipe is not None:
        assert found.bound.pipe == pipe
        assert f"{pipe} bounds the run" in found.bound.message
    else:
        largest = found.critical_path[0]
        assert found.bound.message.startswith("no pipe bounds the run") and largest.cycles


@pytest.mark.parametrize(("name", "machine", "params", "pipe"), BEST)
def test_hints_stand_on_the_report(
    name: str, machine: str, params: dict[str, int], pipe: str | None
) -> None:
    report, found = made(name, machine, **params)
    assert found.hints == sorted(found.hints, key=lambda hint: -hint.gain)
    for hint in found.hints:
        assert hint.evidence and hint.advice
        assert hint.gain <= report["cycles"]
        for pointer in hint.evidence:
            assert at(report, pointer)


def cycles_of(report: dict[str, Any], core: str, pipe: str, cause: str) -> float:
    """Stalls of a pipe for a cause, mean over its cores with work."""
    chosen = [
        c["pipes"][pipe]["stalls"].get(cause, 0) for c in report["cores"]
        if c["core"].split(".")[1].startswith(core) and c["pipes"][pipe]["instructions"]
    ]  # fmt: skip
    return sum(chosen) / len(chosen)


def test_pipes_that_take_turns_are_told_so() -> None:
    report, found = made(npuemu.assemble(SERIAL))
    turns = [hint for hint in found.hints if hint.kind == "take_turns"]
    assert turns and "two buffers" in turns[0].advice
    shown = re.findall(r"(\w+) waits ([\d.]+)% for (\w+)", turns[0].message)
    assert len(shown) in (2, 3)  # each waits for the next
    assert [pipe for pipe, _, _ in shown[1:] + shown[:1]] == [source for _, _, source in shown]
    for pipe, percent, source in shown:
        cycles = cycles_of(report, "aiv", pipe, f"flag_{source}")
        assert float(percent) == pytest.approx(100 * cycles / report["cycles"], abs=0.06)


def test_two_buffers_follow_the_hint_and_gain() -> None:
    """What the hint says is done: two regions of UB and two events, and the run is faster."""
    before, found = made(npuemu.assemble(SERIAL))
    edits = (
        (
            "    set_flag V, MTE2, 0\nagain",
            "    set_flag V, MTE2, 0\n    set_flag V, MTE2, 1\nagain",
        ),
        (
            "    wait_flag V, MTE2, 0\nend",
            "    wait_flag V, MTE2, 0\n    wait_flag V, MTE2, 1\nend",
        ),
        ("wait_flag V, MTE2, 0\n    mov", "wait_flag V, MTE2, r5\n    mov"),
        ("set_flag V, MTE2, 0\n    add", "set_flag V, MTE2, r5\n    add"),
        ("MTE2, V, 0", "MTE2, V, r5"),
        ("V, MTE3, 0", "V, MTE3, r5"),
        ("MTE3, V, 0", "MTE3, V, r5"),
        ("li r4, 0", "li r4, 0\n    li r5, 0"),
        ("add r4, r4, 1", "add r4, r4, 1\n    xor r5, r5, 1\n    xor r1, r1, 65536"),
    )
    body = SERIAL
    for old, new in edits:
        assert old in body
        body = body.replace(old, new)
    after = npuemu.run(npuemu.assemble(body))
    assert after.diagnostics == []
    gain = next(hint.gain for hint in found.hints if hint.kind == "take_turns")
    assert 0 < before["cycles"] - after.cycles and gain > 0


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    assert main(["profile", "gemm_bf16", "--report", str(tmp_path / "r.json")]) == 0
    out = capsys.readouterr().out
    for title in ("bound\n", "hints\n", "critical path (", "largest waits", "roofline"):
        assert title in out
    report = decode((tmp_path / "r.json").read_bytes())
    assert report.profile is not None
    assert sum(share.cycles for share in report.profile.critical_path) == report.cycles
    assert all(isinstance(hint, Hint) for hint in report.profile.hints)


def test_the_command_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "gemm_bf16", "--mode", "timing", "--report", "-"]) == 0
    caught = capsys.readouterr()
    assert json.loads(caught.out)["profile"]["bound"]["pipe"] == "MTE2" and caught.err == ""


def test_modes_without_cycles_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "gemm_bf16", "--mode", "numbers"]) == 2
    assert "a profile needs full or timing" in capsys.readouterr().err


def test_runs_without_a_recording_or_an_end_are_refused(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(npuemu.UserError, match="record=True"):
        npuemu.profile(npuemu.run("gemm_bf16", mode="timing"))
    text = ".kernel k\n.machines ascend910b1\n.section cube\n"
    text += "    li r1, 0\n    div r1, r1, r1\n    halt\n"
    (tmp_path / "k.npu").write_text(text)
    assert main(["profile", str(tmp_path / "k.npu")]) == 1
    deadlock = text.replace("div r1, r1, r1", "wait_flag MTE1, M, 0\n    wait_flag M, MTE1, 0")
    (tmp_path / "d.npu").write_text(deadlock)
    capsys.readouterr()
    assert main(["profile", str(tmp_path / "d.npu")]) == 1
    caught = capsys.readouterr()
    assert caught.out == "" and "E110" in caught.err and "it has no profile" in caught.err
