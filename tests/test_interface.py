"""The Python interface: every wrong argument gives one `NpuemuError` with a clear message."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import npuemu
from npuemu.asm import binary

KERNEL = """
.kernel copy
.machines ascend910b1
.param N = 64
.tensor X f32 [N] in
.tensor Y f32 [N] out
.buffer x UB N * 4
.section vector
    subblock_idx r1
    bne r1, 0, end
    li r2, x
    li r3, X
    li r4, Y
    mov_gm_ub r2, r3, len=N * 4
    set_flag MTE2, MTE3, 0
    wait_flag MTE2, MTE3, 0
    mov_ub_gm r4, r2, len=N * 4
end:
    halt
"""

run: Callable[..., Any] = npuemu.run
load: Callable[..., Any] = npuemu.load
assemble: Callable[..., Any] = npuemu.assemble


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed takes an integer of 0 to"),
        ({"seed": 1.5}, "seed takes an integer, not 1.5"),
        ({"threads": 0}, "threads takes an integer of 1 to"),
        ({"threads": "2"}, "threads takes an integer, not '2'"),
        ({"max_cycles": 0}, "max_cycles takes an integer of 1 to"),
        ({"max_cycles": 10**30}, "max_cycles takes an integer of 1 to"),
        ({"mode": "fast"}, "must be full, timing, numbers"),
        ({"blocks": 2}, "assembled for blocks=1, not 2"),
        ({"N": 128}, "parameters are bound at assembly"),
        ({"inputs": {"Q": 1}}, "no input tensor 'Q'; it has X"),
    ],
)  # fmt: skip
def test_run_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(npuemu.UserError) as caught:
        run(assemble(KERNEL), **arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (None, "a name or a path, not NoneType"),
        (b"gemm_bf16", "a name or a path, not bytes"),
        ("", "there is no kernel ''"),
        ("x" * 5000, "File name too long"),
        ("gemm_bf17", "did you mean 'gemm_bf16'"),
    ],
)
def test_load_refuses(kernel: Any, message: str) -> None:
    with pytest.raises(npuemu.NpuemuError) as caught:
        load(kernel)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [("2", "blocks takes an integer, not '2'"), (0, "of 1 to 65536, not 0"), (1.5, "not 1.5")],
)
def test_blocks_are_an_integer(blocks: Any, message: str) -> None:
    with pytest.raises(npuemu.UserError) as caught:
        assemble(KERNEL, blocks=blocks)
    assert message in str(caught.value)


def test_assemble_takes_a_text() -> None:
    with pytest.raises(npuemu.UserError, match="is a str, not int"):
        assemble(5)


def test_parameters_may_be_numpy_integers() -> None:
    program = npuemu.assemble(KERNEL, N=np.int64(128))  # type: ignore[arg-type]
    assert program.params == {"N": 128} and binary.load(binary.dump(program)) == program
    with pytest.raises(npuemu.UserError, match="A802"):
        npuemu.assemble(KERNEL, N=True)


def test_a_run_prints_as_one_line() -> None:
    assert repr(run(assemble(KERNEL))).startswith("<Run of copy on ascend910b1: ")
    assert repr(run(assemble(KERNEL))).endswith("cycles, ok>")
    unchecked = run(assemble(KERNEL), check=False)
    assert repr(unchecked).endswith("cycles, races not checked>")


def test_a_damaged_binary_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.bin"
    path.write_bytes(binary.dump(npuemu.assemble(KERNEL))[:-1])
    with pytest.raises(npuemu.UserError) as caught:
        npuemu.load(path)
    assert str(caught.value).startswith(f"error[A902]: {path}: the binary's size")


def test_a_base_that_is_not_there_is_placed(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "ascend910b2"\n')
    with pytest.raises(npuemu.NpuemuError) as caught:
        npuemu.machine(path)
    assert str(caught.value).startswith(f"{path}: key base: no machine 'ascend910b2'; did you mean")


def test_a_machine_is_a_regular_file(tmp_path: Path) -> None:
    path = tmp_path / "fifo.toml"
    os.mkfifo(path)
    with pytest.raises(npuemu.NpuemuError, match="not a regular file"):
        npuemu.machine(path)
    with pytest.raises(npuemu.NpuemuError, match="null"):
        npuemu.machine("a\0.toml")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "npuemu.cli.main", "run", "gemm_bf16"],
        env={**os.environ, "NPUEMU_CACHE_DIR": str(tmp_path / "file")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: compiled code cannot be kept in {tmp_path}/file: not a ")
    assert "set NPUEMU_CACHE_DIR" in done.stderr


LIMITED = KERNEL.replace(".tensor X f32 [N] in", ".tensor X s32 [N] in, min=2, max=5")


def test_a_limited_input_is_drawn_from_its_range() -> None:
    found = run(assemble(LIMITED), seed=3).outputs["Y"].view(np.int32)
    assert sorted(set(found.tolist())) == [2, 3, 4, 5]


@pytest.mark.parametrize("mode", ["full", "timing"])
def test_a_limited_input_is_checked(mode: str) -> None:
    given = np.full(64, 5, np.int32)
    assert run(assemble(LIMITED), inputs={"X": given}, mode=mode).cycles > 0
    given[7] = 6
    with pytest.raises(npuemu.UserError, match=r"X\[7\] is 6: must be 2 .. 5"):
        run(assemble(LIMITED), inputs={"X": given}, mode=mode)
