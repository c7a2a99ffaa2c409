"""The measured tables of the kernels' READMEs are what the kernels take today."""

from __future__ import annotations

import pytest

import npuemu
from benchmarks import kernel_pages


@pytest.mark.parametrize("kernel", [k.name for k in npuemu.list_kernels()])
def test_measured_tables_are_fresh(kernel: str, capsys: pytest.CaptureFixture[str]) -> None:
    stale = kernel_pages.main(["--check", kernel])
    assert stale == 0, f"{capsys.readouterr().out}run `python benchmarks/kernel_pages.py`"
