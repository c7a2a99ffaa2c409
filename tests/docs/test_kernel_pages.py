"""The measured tables of the kernels' READMEs are what the kernels take today."""

from __future__ import annotations

import subprocess
import sys

import pytest

import npuemu
from npuemu.data import PACKAGE

ROOT = PACKAGE.parent


@pytest.mark.parametrize("kernel", [k.name for k in npuemu.list_kernels()])
def test_measured_tables_are_fresh(kernel: str) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "kernel_pages.py"), "--check", kernel]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    hint = "run `python benchmarks/kernel_pages.py`"
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{hint}"
