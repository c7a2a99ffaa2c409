"""Fixtures of the command-line tests."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

import npuemu
from npuemu.cli.main import main
from tests.cli.fake_api import FakeApi

Result = tuple[int, str, str]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """A stand-in in place of `npuemu.api`."""
    fake = FakeApi()
    module = fake.module()
    monkeypatch.setitem(sys.modules, "npuemu.api", module)
    monkeypatch.setattr(npuemu, "api", module, raising=False)
    return fake


@pytest.fixture
def npu(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command in this process: status, standard output, standard error."""

    def call(*arguments: str) -> Result:
        status = main(arguments)
        out, err = capsys.readouterr()
        return status, out, err

    return call
