"""Shell completion: the words offered to each shell, and the scripts in the shells themselves."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from npuemu import pages
from npuemu.cli.completion import joined
from npuemu.isa.table import load
from npuemu.machine import names
from tests.cli.conftest import Result

Npu = Callable[..., Result]
ROOT = Path(__file__).resolve().parents[2]
KERNELS = sorted(path.parent.name for path in ROOT.glob("programs/*/kernel.npu"))
OWN = """
.kernel own
.machines ascend910b1
.param ROWS = 8
.include "more.inc"
.tensor X f32 [ROWS, 8] in, min=0, max=ROWS   ; .param NOT = 1
.tensor Y f32 [ROWS] out
.tensor Z f32 [8] scratch
"""
Shell = Callable[[str], list[tuple[str, str]]]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, npu: Npu) -> Shell:
    """What fish is offered for a line: words with their help."""

    def ask(line: str) -> list[tuple[str, str]]:
        monkeypatch.setenv("_NPUEMU_COMPLETE", "complete_fish")
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        status, out, err = npu()
        assert (status, err) == (0, "")
        return [(a, b) for a, _, b in (text.partition("\t") for text in out.splitlines() if text)]

    return ask


@pytest.fixture
def words(shell: Shell) -> Callable[[str], list[str]]:
    """The words alone."""
    return lambda line: [word for word, _ in shell(line)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a kernel, its include, a binary, a machine, a name that no shell may read."""
    (tmp_path / "own.npu").write_text(OWN)
    (tmp_path / "more.inc").write_text(
        '.param COLS = ROWS * 2 ; wide\n.include "more.inc"\n.param "\n'
    )
    for name in ("own.bin", "own.txt", "m.toml", "$(touch x).npu", ".hidden.npu", "x.npy"):
        (tmp_path / name).touch()
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "deeper" / "one.npu").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_kernels(folder: Path, words: Callable[[str], list[str]], shell: Shell) -> None:
    assert words("npuemu run ") == [*KERNELS, "own.bin", "own.npu"]
    for command in ("asm", "check", "dis", "verify"):
        assert words(f"npuemu {command} gemm_bf") == ["gemm_bf16"]
    assert words("npuemu run de") == ["deep/deeper/one.npu"]
    assert words(f"npuemu run {folder}/o") == [f"{folder}/own.bin", f"{folder}/own.npu"]
    assert words("npuemu run .h") == [".hidden.npu"]
    assert dict(shell("npuemu run gemm_bf"))["gemm_bf16"].startswith("C [M, N] = A [M, K] x W")


def test_machines(folder: Path, words: Callable[[str], list[str]]) -> None:
    assert words("npuemu run gemm_bf16 --machine ") == [*names, "m.toml"]
    assert words("npuemu run --machine ascend950") == ["ascend950pr"]


def test_parameters_of_the_kernel_on_the_line(folder: Path, shell: Shell) -> None:
    assert shell("npuemu run own.npu -D ") == [
        ("ROWS=", "default 8"), ("COLS=", "default ROWS * 2"),
    ]  # fmt: skip
    assert shell("npuemu run own.npu -D ROWS=3 -D ") == [("COLS=", "default ROWS * 2")]
    assert shell("npuemu check own.npu --blocks 2 -D R") == [
        ("ROWS=", "default 8"), ("ROWS=8", "default"),
    ]  # fmt: skip
    assert shell("npuemu run own.npu -D ROWS=") == [("ROWS=8", "default")]
    assert shell("npuemu run own.npu -D COLS=") == []
    for line in ("", "nosuch.npu ", "own.bin ", "deep ", "own.txt "):
        assert shell(f"npuemu run {line}-D ") == []


def test_parameters_of_a_bundled_kernel(words: Callable[[str], list[str]]) -> None:
    assert words("npuemu verify gemm_bf16 -D ") == ["M=", "N=", "K="]
    assert "RESIDENT=" in words("npuemu run attn_kv8_msd -D ")
    assert words("npuemu run programs/gemm_bf16 -D K") == ["K=", "K=256"]


def test_tensors_and_their_files(folder: Path, words: Callable[[str], list[str]]) -> None:
    assert words("npuemu run own.npu --in ") == ["X="]
    assert words("npuemu run own.npu --out ") == ["Y="]
    assert words("npuemu run own.npu --in X=") == ["X=deep/", "X=x.npy"]
    assert words("npuemu run own.npu --in X=x.npy --in ") == []


def test_modes_studies_mnemonics_commands(words: Callable[[str], list[str]]) -> None:
    assert words("npuemu run gemm_bf16 --mode ") == ["full", "timing", "numbers"]
    assert words("npuemu reproduce m") == ["msd", "minilm"]
    assert words("npuemu isa ") == [record.name for record in load().records]
    assert words("npuemu ex") == ["explain"]
    assert "--max-cycles" in words("npuemu run gemm_bf16 --m")


def test_sides_of_a_comparison(folder: Path, words: Callable[[str], list[str]]) -> None:
    (folder / "run.json").touch()
    assert words("npuemu diff own") == ["own.bin", "own.npu"]
    assert words("npuemu diff own.npu r") == ["run.json"]
    assert words("npuemu diff gemm_bf16 gemm_bf16@ascend95") == ["gemm_bf16@ascend950pr"]
    assert words("npuemu diff own.npu gemm_bf16@ascend950pr -D ") == [
        "ROWS=", "COLS=", "M=", "N=", "K=",
    ]  # fmt: skip
    assert words("npuemu profile gemm_bf16 --mode ") == ["full", "timing"]


def test_codes(shell: Shell, words: Callable[[str], list[str]]) -> None:
    assert words("npuemu explain ") == list(pages.codes())
    assert words("npuemu explain E203 E201 E20") == ["E202", "E204", "E205", "E206"]
    assert shell("npuemu explain w21") == [
        (code.lower(), pages.page(code).title) for code in ("W210", "W211")
    ]


def test_words_of_bash_are_made_whole() -> None:
    assert joined(["npuemu", "run", "-D", "M", "=", "16", "k"], 6) == (
        ["npuemu", "run", "-D", "M=16", "k"], 4,
    )  # fmt: skip
    assert joined(["npuemu", "--in", "X", "=", "f.npz", ":", "k", "--out"], 6) == (
        ["npuemu", "--in", "X=f.npz:k"], 2,
    )  # fmt: skip
    assert joined(["npuemu", "-D", "M", "=", ""], 4) == (["npuemu", "-D", "M="], 2)
    assert joined(["npuemu", "-D", "M", "="], 3) == (["npuemu", "-D", "M="], 2)
    assert joined(["npuemu", ""], 1) == (["npuemu", ""], 1)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Of a process: `npuemu` is this Python's, at home in the folder."""
    command = folder / "bin" / "npuemu"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m npuemu.cli.main "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(folder), **more}


IN_BASH = """
source "$SCRIPT"
ask() { COMP_WORDS=(npuemu "$@"); COMP_CWORD=$#; COMPREPLY=(); _npuemu_completion npuemu
        echo "${COMPREPLY[*]}"; }
ask run gemm_bf16 -D M = ""
ask run -D M = 16 gemm_bf16 -D ""
ask run gemm_bf16 --machine = ascend95
ask diff gemm_bf16 gemm_bf16 @ ascend95
ask run gemm_bf16 --report ""
complete -p npuemu
"""


def test_bash_itself(tmp_path: Path) -> None:
    """Its script, installed by the command, in the words that Bash really passes."""
    process = environment(tmp_path)
    installed = subprocess.run(
        ["bash", "-c", "npuemu --install-completion; exit $?"], env=process, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (installed.returncode, installed.stderr) == (0, "")
    script = tmp_path / ".bash_completions" / "npuemu.sh"
    assert f"source '{script}'" in (tmp_path / ".bashrc").read_text()
    done = subprocess.run(
        ["bash", "--norc", "-c", IN_BASH], env={**process, "SCRIPT": str(script)}, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    *replies, complete = done.stdout.splitlines()
    assert replies == ["256", "N= K=", "ascend950pr", "ascend950pr", ""]
    assert shlex.split(complete) == shlex.split("complete -o default -F _npuemu_completion npuemu")


_PROBE = """
import sys
from npuemu.cli.main import main
status = main()
heavy = {'numba', 'llvmlite', 'numpy'} & {name.split('.')[0] for name in sys.modules}
sys.exit(f'heavy: {heavy}' if heavy else status)
"""


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_an_answer_imports_nothing_heavy(tmp_path: Path, shell_name: str) -> None:
    line = "npuemu run gemm_w8a8 -D "
    asked = environment(
        tmp_path, _NPUEMU_COMPLETE=f"complete_{shell_name}", _TYPER_COMPLETE_ARGS=line,
        _TYPER_COMPLETE_FISH_ACTION="get-args", COMP_WORDS=line.replace(" ", "\n"), COMP_CWORD="4",
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", _PROBE], env=asked, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"{name}=" in done.stdout for name in "MNK")


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_the_script_of_every_shell(
    shell_name: str, monkeypatch: pytest.MonkeyPatch, npu: Npu
) -> None:
    monkeypatch.setenv("_NPUEMU_COMPLETE", f"source_{shell_name}")
    status, out, err = npu()
    assert (status, err) == (0, "") and f"_NPUEMU_COMPLETE=complete_{shell_name}" in out


def test_a_failure_stays_off_the_line(monkeypatch: pytest.MonkeyPatch, npu: Npu) -> None:
    monkeypatch.setenv("_NPUEMU_COMPLETE", "complete_fish")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "npuemu run ")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")

    def unreadable(incomplete: str) -> list[tuple[str, str]]:
        raise PermissionError(incomplete)

    monkeypatch.setattr("npuemu.cli.candidates.kernels", unreadable)
    assert npu() == (1, "", "")
