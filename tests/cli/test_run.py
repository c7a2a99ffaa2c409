"""`npuemu run`: options to calls, files, exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npuemu.cli.main import main
from npuemu.observe.recording import DATA, EVENT, LIVE, Instruction, Recording
from tests.cli.conftest import Result
from tests.cli.fake_api import FakeApi
from tests.report.sample import finding, sample

Npu = Callable[..., Result]


def test_options_reach_the_interface(api: FakeApi, npu: Npu) -> None:
    status, out, err = npu(
        "run", "gemm_bf16", "-D", "M=0x10", "-DN=32", "--in", "A=a.npy", "--seed", "7",
        "--machine", "ascend910b1", "--blocks", "2", "--mode", "numbers", "--no-check",
        "--threads", "2", "--max-cycles", "1000", "--shuffle", "5", "--jitter", "3",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert "gemm_bf16 on ascend910b1" in out
    load, run = api.calls
    assert load == (
        "load", "gemm_bf16", {"machine": "ascend910b1", "blocks": 2, "M": 16, "N": 32},
    )  # fmt: skip
    options = {k: value for k, value in run[2].items() if k not in ("progress", "on_print")}
    assert options == {
        "machine": "ascend910b1", "inputs": {"A": "a.npy"}, "blocks": 1, "mode": "numbers",
        "check": False, "seed": 7, "threads": 2, "max_cycles": 1000, "record": False,
        "shuffle": 5, "jitter": 3, "dumps": [], "print_limit": 1000,
    }  # fmt: skip


def test_defaults(api: FakeApi, npu: Npu) -> None:
    assert npu("run", "gemm_bf16")[0] == 0
    assert api.calls[0] == ("load", "gemm_bf16", {"machine": None})
    options = api.calls[1][2]
    assert options["mode"] == "full" and options["check"] is True and options["blocks"] == 1
    assert options["max_cycles"] is None and options["inputs"] == {} and options["machine"] is None


def test_error_findings_give_one(api: FakeApi, npu: Npu, tmp_path: Path) -> None:
    (tmp_path / "k.npu").write_text("one\n  two ; here\n")
    api.report = sample(diagnostics=[finding(where=f"{tmp_path}/k.npu:2")])
    status, out, _ = npu("run", "gemm_bf16")
    assert status == 1
    assert "k.npu:2: error[E117]: two <writes> race\n    | two ; here\n" in out


def test_warnings_give_zero(api: FakeApi, npu: Npu) -> None:
    api.report = sample(diagnostics=[finding("warning")])
    assert npu("run", "gemm_bf16")[0] == 0


def test_report_on_standard_output_is_json_alone(api: FakeApi, npu: Npu) -> None:
    api.report = sample(diagnostics=[finding("warning")])
    status, out, err = npu("run", "gemm_bf16", "--report", "-")
    assert status == 0
    assert json.loads(out) == api.report
    assert err == (
        "kernel.npu:7: warning[E117]: two <writes> race\nfor more: npuemu explain E117\n"
    )


def recording(*events: tuple[int, ...]) -> Recording:
    """A recording of ``events``, the first columns of each, of one ``mmad``."""
    rows = np.zeros(len(events), EVENT)
    for row, event in zip(rows, events, strict=True):
        for name, value in zip(EVENT.names or (), event, strict=False):
            row[name] = value
    mmad = Instruction("mmad", "cube", "k.npu:1:1", "mmad", (), ())
    return Recording(
        kernel="k", machine="m", clock_mhz=1000.0, cycles=20, cores=3, window=(0, 20),
        code=(mmad,), events=rows, values=np.zeros(0, np.int64), live=np.zeros(0, LIVE),
        capacity={}, buffers=(), tensors=(),
    )  # fmt: skip


def test_files(api: FakeApi, npu: Npu, tmp_path: Path) -> None:
    api.recording = recording((0, 2, DATA, 0, 0, 10, 15, 15))
    status, out, err = npu(
        "run", "gemm_bf16", "--report", f"{tmp_path}/r.json", "--html", f"{tmp_path}/r.html",
        "--trace", f"{tmp_path}/t.json", "--out", f"C={tmp_path}/c.npy",
    )  # fmt: skip
    assert status == 0 and "pipes" in out
    assert json.loads((tmp_path / "r.json").read_text())["cycles"] == 1000
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    (mmad,) = [e for e in events if e["ph"] == "X" and e["name"] == "mmad"]
    assert (mmad["ts"], mmad["dur"], mmad["args"]["end"]) == (10, 5, 15)
    assert err == f"trace: {tmp_path}/t.json: 3 slices, 0 arrows, 0.0 MB\n"
    np.testing.assert_array_equal(np.load(tmp_path / "c.npy"), [[0, 1], [2, 3]])


@pytest.mark.parametrize(
    ("window", "kept"),
    [
        ("5:20", (5, 20)), ("5:", (5, 2**63 - 1)), (":20", (0, 20)), ("0x10:0x20", (16, 32)),
        (None, True),
    ],
)  # fmt: skip
def test_a_window_reaches_the_interface(
    api: FakeApi, npu: Npu, tmp_path: Path, window: str | None, kept: object
) -> None:
    api.recording = recording((0, 2, DATA, 0, 0, 10, 15, 15))
    more = ("--trace-window", window) if window else ()
    assert npu("run", "k", "--trace", f"{tmp_path}/t.pftrace", *more)[0] == 0
    assert api.calls[1][2]["record"] == kept


def test_a_window_behind_the_run_is_said(api: FakeApi, npu: Npu, tmp_path: Path) -> None:
    api.recording = replace(recording(), window=(20, 30))
    status, _, err = npu("run", "k", "--trace", f"{tmp_path}/t.json", "--trace-window", "20:30")
    assert status == 0 and json.loads((tmp_path / "t.json").read_text())
    assert err.endswith("trace: the run took 20 cycles, none of them in the window\n")


def test_what_is_compiled_is_said_on_standard_error(api: FakeApi, npu: Npu) -> None:
    api.events = [{"text": "compiling the cube unit"}, {"done": 5, "total": 10}]
    _, out, err = npu("run", "gemm_bf16")
    assert err == "compiling the cube unit\n" and "compiling" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run",), "Missing argument 'KERNEL'"),
        (("run", "nothing"), "there is no kernel 'nothing'"),
        (("run", "k", "--bogus"), "No such option: --bogus"),
        (("run", "k", "-D", "M"), "-D takes NAME=INT, not 'M'"),
        (("run", "k", "-D", "M=x"), "-D M takes an integer, not 'x'"),
        (("run", "k", "-D", "M="), "-D takes NAME=INT"),
        (("run", "k", "-D", "M=1", "-D", "M=2"), "-D M is given twice"),
        (("run", "k", "-D", "BLOCKS=2"), "set by --blocks"),
        (("run", "k", "-D", f"M={2**63}"), "takes an integer of"),
        (("run", "k", "--blocks", "0"), "at least 1"),
        (("run", "k", "--blocks", "two"), "--blocks takes an integer, not 'two'"),
        (("run", "k", "--seed", "-1"), "at least 0"),
        (("run", "k", "--mode", "fast"), "--mode takes full, timing or numbers, not 'fast'"),
        (("run", "k", "--in", "A"), "--in takes TENSOR=FILE"),
        (("run", "k", "--in", "B=b.npy"), "no input tensor 'B'"),
        (("run", "k", "--out", "A=a.npy"), "no output tensor 'A'"),
        (("run", "k", "--out", "C=c.txt"), "'c.txt' is no tensor file"),
        (("run", "k", "--out", "C=no/such/c.npy"), "there is no directory no/such"),
        (("run", "k", "--out", "C=c.npy", "--mode", "timing"), "--out needs values"),
        (("run", "k", "--report", "no/such/r.json"), "there is no directory no/such"),
        (("run", "k", "--html", "/"), "is a directory"),
        (("run", "k", "--max-cycles", "0"), "at least 1"),
        (("run", "k", "--trace", "t.json"), "recorded no trace"),
        (("run", "k", "--trace", "no/such/t.json"), "there is no directory no/such"),
        (("run", "k", "--trace-window", "1:2"), "--trace FILE is missing"),
        (("run", "k", "--trace", "t", "--trace-window", "12"), "takes cycles as A:B, A: or :B"),
        (("run", "k", "--trace", "t", "--trace-window", ":"), "takes cycles as A:B, A: or :B"),
        (("run", "k", "--trace", "t", "--trace-window", "a:9"), "takes an integer, not 'a'"),
        (("run", "k", "--trace", "t", "--trace-window", "1:2:3"), "takes an integer, not '2:3'"),
        (("run", "k", "--trace", "t", "--trace-window", "-5:9"), "an integer of at least 0"),
        (("run", "k", "--trace", "t", "--trace-window", "9:9"), "holds no cycle"),
        (("walk",), "No such command 'walk'"),
    ],
)  # fmt: skip
def test_bad_usage_is_one_line_and_two(
    api: FakeApi, npu: Npu, arguments: tuple[str, ...], message: str
) -> None:
    status, _, err = npu(*arguments)
    assert status == 2
    assert err.startswith("error: ") and message in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("failure", "status", "message"),
    [
        (ValueError("a\nb"), 2, "error: internal error: ValueError: a b (a bug in npuemu"),
        (MemoryError(), 2, "error: not enough memory"),
        (FileNotFoundError(2, "No such file or directory", "x"), 2, "No such file or directory: x"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)  # fmt: skip
def test_failures_have_no_traceback(
    api: FakeApi, npu: Npu, failure: BaseException, status: int, message: str
) -> None:
    api.failure = failure
    found, _, err = npu("run", "gemm_bf16")
    assert found == status and message in err and err.count("\n") == 1


def test_outputs_never_overwrite_the_kernel_or_each_other(
    api: FakeApi, npu: Npu, tmp_path: Path
) -> None:
    kernel = tmp_path / "k.npu"
    kernel.write_text("text")
    same = str(tmp_path / "same")
    for arguments, message in [
        (("run", str(kernel), "--report", str(kernel)), "would overwrite the kernel"),
        (("run", str(kernel), "--report", same, "--html", same), "overwrite what --report writes"),
        (("run", "k", "--out", f"C={same}.npy", "--trace", f"{same}.npy"), "what --out C writes"),
        (("asm", str(kernel), "-o", f"{tmp_path}/./k.npu"), "would overwrite the kernel"),
    ]:
        status, _, err = npu(*arguments)
        assert (status, err.count("\n")) == (2, 1) and message in err
    assert kernel.read_text() == "text" and [path.name for path in tmp_path.iterdir()] == ["k.npu"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("option", ["--report", "--html", "--trace"])
def test_a_full_disk_is_named(api: FakeApi, npu: Npu, option: str) -> None:
    api.recording = recording((0, 2, DATA, 0, 0, 10, 15, 15))
    status, _, err = npu("run", "k", option, "/dev/full")
    assert status == 2
    assert err == f"error: {option}: cannot write /dev/full: No space left on device\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_closed_before_the_start(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    monkeypatch.setattr(sys, stream, None)
    assert main(["run", "gemm_bf16"]) == 0
