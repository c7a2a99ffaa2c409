"""Without CPU-specific instructions every unit gives the same bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.engine.micro import all_hashes

ROOT = Path(__file__).resolve().parents[1]
PORTABLE = {"NPUEMU_PORTABLE": "1", "NUMBA_CPU_NAME": "generic", "PYTHONPATH": str(ROOT)}


def test_portable_path_gives_the_same_bits() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.micro"],
        cwd=ROOT,
        env=os.environ | PORTABLE,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 12
    assert found == all_hashes()


def test_the_portable_path_is_chosen_by_either_setting() -> None:
    code = "from npuemu.jit import cpu; print(len(cpu()))"
    for name, portable in (("NPUEMU_PORTABLE", "1"), ("NUMBA_CPU_NAME", "generic")):
        env = os.environ | {"PYTHONPATH": str(ROOT), name: portable}
        run = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == "0"
