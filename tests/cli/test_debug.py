"""`npuemu run --dump` and printed lines: files, what is said where, exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from tests.cli.conftest import Result
from tests.cli.fake_api import FakeApi, FakeDumps
from tests.report.sample import finding, sample

Npu = Callable[..., Result]


@pytest.fixture
def dumped(api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """A run with one dump of bf16 and one that was missed, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    api.dumps = FakeDumps({"UB[0:4]:bf16@k.inc:7:2": np.array([1, 2], ml_dtypes.bfloat16)})
    api.dumps.formats = {"UB[0:4]:bf16@k.inc:7:2": "bf16"}
    api.dumps.notes = {"UB[0:4]:bf16@k.inc:7:2": "bf16 [2] (0.aiv0, cycle 5)"}
    api.dumps.missed = {"acc@9:3": "dump acc@9:3: line 9 is never executed"}
    return api


def test_a_dump_names_its_file(dumped: FakeApi, npu: Npu, tmp_path: Path) -> None:
    status, out, err = npu("run", "k", "--dump", "UB[0:4]:bf16@k.inc:7:2")
    assert status == 0 and "pipes" in out
    name = "UB-0-4-bf16-k.inc-7-2.npy"
    assert err == f"{name}: UB[0:4]:bf16@k.inc:7:2, bf16 [2] (0.aiv0, cycle 5)\n"
    assert np.load(tmp_path / name).tolist() == [0x3F80, 0x4000]
    assert dumped.calls[1][2]["dumps"] == ["UB[0:4]:bf16@k.inc:7:2"]


def test_a_dump_goes_where_it_is_told(dumped: FakeApi, npu: Npu, tmp_path: Path) -> None:
    assert npu("run", "k", "--dump", "UB[0:4]:bf16@k.inc:7:2=a.npz:one=1")[0] == 0
    with np.load(tmp_path / "a.npz") as archive:
        assert archive["one=1"].tolist() == [0x3F80, 0x4000]


@pytest.mark.parametrize(("severity", "status"), [("warning", 2), ("error", 1)])
def test_a_missed_dump_is_said_after_the_report(
    dumped: FakeApi, npu: Npu, severity: str, status: int, tmp_path: Path
) -> None:
    dumped.report = sample(diagnostics=[finding(severity)])
    found, out, err = npu("run", "k", "--dump", "acc@9:3", "--report", "-")
    assert found == status and json.loads(out) == dumped.report
    assert err.endswith("\nerror: dump acc@9:3: line 9 is never executed\n")
    assert list(tmp_path.iterdir()) == []


def test_lines_go_to_standard_error(api: FakeApi, npu: Npu) -> None:
    api.printed, api.left_out = ["[0.aic M cycle 1] k.npu:2: one", "two"], 1234
    status, out, err = npu("run", "k", "--report", "-", "--print-limit", "2")
    assert status == 0 and json.loads(out) == api.report
    assert err.splitlines()[:2] == api.printed
    assert "1,234 more printed lines are left out after 2: --print-limit N shows N" in err
    assert api.calls[1][2]["print_limit"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dump", "a@1", "--dump", "a@1=b.npy"), "--dump a@1 is given twice"),
        (("--dump", "a@1="), "--dump a@1: no file behind '='"),
        (("--dump", "a@1=b.txt"), "'b.txt' is no tensor file"),
        (("--dump", "a@1=no/such/b.npy"), "--dump a@1: there is no directory no/such"),
        (
            ("--dump", "a@1=b.npy", "--dump", "b@1=b.npy"),
            "--dump b@1: b.npy is already taken by a@1",
        ),
        (("--dump", "a[0:1]@1", "--dump", "a:0:1@1"), "a-0-1-1.npy is already taken by a[0:1]@1"),
        (("--dump", "a@1=b.npy", "--report", "b.npy"), "overwrite what --dump a@1 writes"),
        (("--dump", "a@1", "--mode", "timing"), "--dump needs values"),
        (("--print-limit", "-1"), "--print-limit takes an integer of at least 0"),
    ],
)
def test_what_is_refused(
    api: FakeApi,
    npu: Npu,
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = npu("run", "k", *arguments)
    assert status == 2 and message in err and err.count("\n") == 1 and api.calls == []
