"""What the commands' options mean: the shared declarations, and text into values.

Options arrive as text and are read here, so that every mistake gets a message of the same kind.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from npuemu.cli import completion
from npuemu.errors import UserError

MODES = ("full", "timing", "numbers")
INT64_MAX = 2**63 - 1

_NAME = re.compile(r"[A-Za-z_]\w*$", re.ASCII)

Kernel = Annotated[
    str,
    typer.Argument(
        metavar="KERNEL",
        help="A name from `npuemu list`, or a text or binary file.",
        autocompletion=completion.kernel,
    ),
]
Defines = Annotated[
    list[str],
    typer.Option(
        "-D",
        metavar="NAME=INT",
        help="Set a parameter of the kernel.",
        show_default=False,
        autocompletion=completion.define,
    ),
]
MachineName = Annotated[
    str | None,
    typer.Option(
        "--machine",
        metavar="NAME|FILE",
        help="The machine; else the kernel's first.",
        autocompletion=completion.machine,
    ),
]
Blocks = Annotated[
    str | None,
    typer.Option("--blocks", metavar="N", help="Core groups; else 1, or the binary's."),
]


def integer(text: str, option: str, low: int = -INT64_MAX - 1, high: int = INT64_MAX) -> int:
    """The integer an option was given, decimal or with 0x, 0o, 0b; `UserError` out of range."""
    try:
        value = int(text, 0)
    except ValueError:
        value = None
    if value is None:
        raise UserError(f"{option} takes an integer, not '{text}'")
    if not low <= value <= high:
        limit = f"at least {low}" if high == INT64_MAX and value < low else f"{low} to {high}"
        raise UserError(f"{option} takes an integer of {limit}, not {text}")
    return value


def _split(text: str, option: str, form: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not _NAME.match(name) or not value:
        raise UserError(f"{option} takes {form}, not '{text}'")
    return name, value


def parameters(defines: Sequence[str]) -> dict[str, int]:
    """`-D` options as a dictionary; each name once."""
    found: dict[str, int] = {}
    for text in defines:
        name, value = _split(text, "-D", "NAME=INT")
        if name in ("BLOCKS", "MACHINE"):
            raise UserError(f"{name} is set by --{name.lower()}, not by -D")
        if name in found:
            raise UserError(f"-D {name} is given twice")
        found[name] = integer(value, f"-D {name}")
    return found


def tensor_files(texts: Sequence[str], option: str) -> dict[str, str]:
    """`--in` or `--out` options as a dictionary tensor -> file; each tensor once."""
    found: dict[str, str] = {}
    for text in texts:
        name, value = _split(text, option, "TENSOR=FILE")
        if name in found:
            raise UserError(f"{option} {name} is given twice")
        found[name] = value
    return found


def binding(defines: Sequence[str], machine: str | None, blocks: str | None) -> dict[str, Any]:
    """What a kernel is bound to, as keywords of `npuemu.api.load`: only what was given."""
    found: dict[str, Any] = {"machine": machine, **parameters(defines)}
    if blocks is not None:
        found["blocks"] = integer(blocks, "--blocks", 1)
    return found


def mode(text: str) -> str:
    """One of `MODES`."""
    if text not in MODES:
        raise UserError(f"--mode takes {', '.join(MODES[:-1])} or {MODES[-1]}, not '{text}'")
    return text


def writable(path: str | None, option: str) -> None:
    """Refuse a file that cannot be written before the work is done, not after it."""
    if path is None or path == "-":
        return
    target = Path(path)
    if target.is_dir():
        raise UserError(f"{option}: {path} is a directory")
    if not target.absolute().parent.is_dir():
        raise UserError(f"{option}: there is no directory {target.parent}")
    if not os.access(target if target.exists() else target.absolute().parent, os.W_OK):
        raise UserError(f"{option}: {path} cannot be written: no permission")


def distinct(files: Iterable[tuple[str, str | None]], kernel: str) -> None:
    """Refuse outputs that would overwrite the kernel or each other: (option, file) pairs."""
    taken = {Path(kernel).resolve(): "the kernel"} if Path(kernel).is_file() else {}
    for option, path in files:
        if path is None or path == "-":
            continue
        place = Path(path).resolve()
        if place in taken:
            raise UserError(f"{option}: {path} would overwrite {taken[place]}")
        taken[place] = f"what {option} writes"


def write(path: str, contents: bytes, option: str) -> None:
    """Write a file; `UserError` names the option and the file."""
    try:
        Path(path).write_bytes(contents)
    except OSError as error:
        raise UserError(f"{option}: cannot write {path}: {error.strerror}") from None
