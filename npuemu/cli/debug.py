"""Dumps and printed lines of `npuemu run`: their files before the run, what is said after it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from npuemu.errors import UserError

if TYPE_CHECKING:
    from npuemu.api import Run


def dump_files(texts: Sequence[str]) -> dict[str, str]:
    """`--dump` options as a dictionary dump -> file; a file that is not named gets the dump's."""
    found: dict[str, str] = {}
    for text in texts:
        dump, sign, path = text.partition("=")
        if sign and not path:
            raise UserError(f"--dump {dump}: no file behind '='")
        if dump in found:
            raise UserError(f"--dump {dump} is given twice")
        path = path or f"{re.sub(r'[^A-Za-z0-9_.]+', '-', dump).strip('-')}.npy"
        for other, taken in found.items():
            if taken == path:
                raise UserError(f"--dump {dump}: {path} is already taken by {other}")
        found[dump] = path
    return found


def write_dumps(result: Run, files: Mapping[str, str]) -> None:
    """Write the dumps that were reached, and say on standard error what each file holds."""
    from npuemu.formats.files import Output, write_all
    from npuemu.formats.format import get

    dumps = result.dumps
    reached = {dump: path for dump, path in files.items() if dump in dumps}
    write_all(
        Output(path, dump, get(dumps.formats[dump]), dumps[dump]) for dump, path in reached.items()
    )
    for dump, path in reached.items():
        print(f"{path}: {dump}, {dumps.notes[dump]}", file=sys.stderr)


def say_missing(result: Run, files: Mapping[str, str]) -> bool:
    """Say which dumps were not reached, and how many lines were not printed; whether any dump."""
    left = result.prints_left_out
    if left:
        shown = len(result.prints)
        text = f"{left:,} more printed lines are left out after {shown:,}: --print-limit N shows N"
        print(text, file=sys.stderr)
    missed = [result.dumps.missed[dump] for dump in files if dump not in result.dumps]
    for text in missed:
        print(f"error: {text}", file=sys.stderr)
    return bool(missed)
