"""Output tensors into files: checked before the run, written after it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from npuemu.cli.options import writable
from npuemu.errors import UserError

if TYPE_CHECKING:
    from npuemu.api import Run
    from npuemu.asm.program import Program


def _by_role(program: Program, roles: tuple[str, ...]) -> list[str]:
    return [tensor.name for tensor in program.tensors if tensor.role in roles]


def check_names(program: Program, files: Mapping[str, str], option: str, role: str) -> None:
    """Refuse names that are no tensors of ``role`` (in, out), naming the nearest."""
    known = _by_role(program, (role,))
    for name in files:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(known) or 'none'}"
        kind = {"in": "input", "out": "output"}[role]
        raise UserError(f"{option} {name}: {program.name} has no {kind} tensor '{name}'; {hint}")


def check_files(files: Mapping[str, str], option: str) -> list[tuple[str, str]]:
    """Refuse files that are no tensor files or lie in no directory; (option, file), each once."""
    from npuemu.formats.files import parse

    found: dict[str, str] = {}
    for name, spec in files.items():
        path = str(parse(spec, name).path)
        writable(path, f"{option} {name}")
        found.setdefault(path, f"{option} {name}")
    return [(option, path) for path, option in found.items()]


def write_outputs(result: Run, files: Mapping[str, str]) -> None:
    """Write the tensors asked for; those of one file together."""
    from npuemu.formats.files import Output, write_all
    from npuemu.formats.format import get

    program = result.kernel
    write_all(
        Output(spec, name, get(program.tensor(name).dtype), result.outputs[name])
        for name, spec in files.items()
    )
