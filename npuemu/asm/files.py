"""Kernel files as users name them: text or binary, told apart by their first bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from npuemu.asm import binary
from npuemu.asm.assemble import assemble
from npuemu.asm.errors import AsmError
from npuemu.asm.messages import error
from npuemu.asm.program import Program
from npuemu.asm.sources import read_bytes
from npuemu.asm.target import Machine


def load_file(
    path: str | os.PathLike[str],
    *,
    machine: str | Machine | None = None,
    blocks: int | None = None,
    params: Mapping[str, int] | None = None,
    include_path: Iterable[str | os.PathLike[str]] = (),
) -> Program:
    """Assemble a text file or load a binary; raises `AsmError`.

    A binary is bound: parameters are refused, and so are another machine or block count.
    """
    try:
        data = read_bytes(Path(path), binary.MAX_BYTES)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise error("A104", f"cannot read {os.fspath(path)}: {reason}") from None
    if not data.startswith(binary.MAGIC[:4]):
        return assemble(
            Path(path), machine=machine, blocks=blocks, params=params, include_path=include_path
        )
    if params:
        message = f"parameters are bound at assembly: {os.fspath(path)} is a binary"
        raise error("A805", message, help="assemble the text again with these parameters")
    try:
        program = binary.load(data, machine=machine)
    except AsmError as problem:
        text = str(problem).replace("]: ", f"]: {os.fspath(path)}: ", 1)
        raise AsmError(problem.code, text, problem.summary, problem.location) from None
    if blocks is not None and blocks != program.blocks:
        message = f"{os.fspath(path)} is assembled for {program.blocks} block(s), not {blocks}"
        raise error("A805", message, help="assemble the text again with this block count")
    return program
