"""Compiled code is cached by all its sources: an edited helper in another file is never stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from npuemu.jit import cache

ROOT = Path(__file__).resolve().parents[1]
HELPER = "units/copy.py"
ORIGINAL = "builder.call(function, [dst, src, arguments[2], _BIT(0)])"
EDITED = ORIGINAL + "\n        builder.store(_BYTE(77), dst)"
SCRIPT = """
import numpy as np
from npuemu.jit import CACHE, compile_unit
from npuemu.units import move

unit = compile_unit(move.resolve("mov_l1_bt"))
l1, bt = np.arange(100, 164, dtype=np.uint8), np.zeros(64, np.uint8)
ctx, ops = np.zeros(64, np.int64), np.zeros(32, np.int64)
ctx[2], ctx[3], ctx[10], ctx[11] = l1.ctypes.data, 64, bt.ctypes.data, 64
ops[10] = 64
assert unit.ctypes(ctx.ctypes.data, ops.ctypes.data, 0) == 0
print(CACHE.name, unit.cache_hits, *bt[:3])
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the package and its tables."""
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("npuemu", "isa", "machines"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=skip)
    return tmp_path


def bits(tree: Path) -> tuple[str, int, list[int]]:
    """Cache folder, cache hits and the first bytes that the copied package's unit moves."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "NPUEMU_"))}
    env |= {"PYTHONPATH": str(tree), "NPUEMU_CACHE_DIR": str(tree / "cache")}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folder, hits, *found = done.stdout.split()
    return folder, int(hits), [int(b) for b in found]


def test_an_edited_helper_gives_the_new_bits(tree: Path) -> None:
    first, hits, before = bits(tree)
    assert (hits, before) == (0, [100, 101, 102])
    assert bits(tree) == (first, 1, before), "the second process loads what the first compiled"
    helper = tree / "npuemu" / HELPER
    text = helper.read_text()
    assert text.count(ORIGINAL) == 1
    helper.write_text(text.replace(ORIGINAL, EDITED))
    second, hits, after = bits(tree)
    assert second != first and (hits, after) == (0, [77, 101, 102])
    helper.write_text(text)
    assert bits(tree) == (first, 1, before), "going back finds the old code again"


@pytest.mark.parametrize(
    ("file", "matters"),
    [
        ("npuemu/units/cube/layout.py", True),
        ("npuemu/engine/cost.py", True),
        ("npuemu/observe/occupancy.py", True),
        ("npuemu/formats/scalar.py", True),
        ("npuemu/isa/shapes.py", True),
        ("npuemu/jit/__init__.py", True),
        ("isa/vector.toml", True),
        ("npuemu/cli/main.py", False),
        ("npuemu/asm/expand.py", False),
        ("machines/ascend910b1.toml", False),
    ],
)
def test_the_key_covers_what_reaches_jitted_code(
    tree: Path, monkeypatch: pytest.MonkeyPatch, file: str, matters: bool
) -> None:
    monkeypatch.setattr(cache, "PACKAGE", tree / "npuemu")
    monkeypatch.setattr(cache, "folder", lambda name: tree / name)
    before = cache.source_key()
    assert before == cache.source_key()
    path = tree / file
    path.write_text(path.read_text() + "\n# edited\n")
    assert (cache.source_key() != before) == matters


@pytest.mark.parametrize("name", cache.SETTINGS)
def test_the_key_covers_the_settings(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = cache.source_key()
    monkeypatch.setenv(name, "something else")
    assert cache.source_key() != before


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPUEMU_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache.cache_root() == Path("/x/npuemu")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_root() == Path.home() / ".cache" / "npuemu"
    monkeypatch.setenv("NPUEMU_CACHE_DIR", "/y")
    assert cache.cache_root() == Path("/y")
