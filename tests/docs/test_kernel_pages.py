"""The measured tables of the kernels' READMEs are what the kernels take today."""

from __future__ import annotations

import subprocess
import sys

from npuemu.data import PACKAGE

ROOT = PACKAGE.parent


def test_measured_tables_are_fresh() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "kernel_pages.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    hint = "run `python benchmarks/kernel_pages.py`"
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{hint}"
