"""The command as a process: what it imports, how soon it answers, how it ends."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

_PROBE = """
import sys
from npuemu.cli.main import main
status = main(sys.argv[1:])
heavy = sorted({name.split('.')[0] for name in sys.modules} & {'numba', 'llvmlite'})
print('HEAVY', *heavy, file=sys.stderr)
sys.exit(status)
"""


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "npuemu.cli.main", *arguments]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",), ("run", "--help"), ("list",), ("machines",), ("isa",), ("isa", "mmad"),
        ("check", "gemm_bf16"), ("dis", "gemm_bf16"), ("explain",), ("explain", "E201", "A306"),
    ],
)  # fmt: skip
def test_numba_is_not_imported(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "HEAVY"


def test_help_takes_little_more_than_its_libraries() -> None:
    """Beside a process that imports the command line's library and draws its help."""
    library = "import typer, typer.rich_utils, rich.console, rich.table, rich.markdown"
    commands = {"help": _command("--help"), "library": [sys.executable, "-c", library]}
    best = dict.fromkeys(commands, 1e9)
    for _ in range(8):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, capture_output=True, check=True)
            best[name] = min(best[name], time.perf_counter() - start)
    assert best["help"] < 2 * best["library"]


def test_a_closed_pipe_is_quiet() -> None:
    with subprocess.Popen(
        _command("isa"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_status_of_bad_usage() -> None:
    done = subprocess.run(_command("nope"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
