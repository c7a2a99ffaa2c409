"""`npuemu diff`: two runs compared, each from a report's file or run now."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from npuemu.cli import completion, options
from npuemu.cli.progress import Progress
from npuemu.errors import NpuemuError, UserError

if TYPE_CHECKING:
    from npuemu.api import Program
    from npuemu.asm import AsmError
    from npuemu.report.json_schema import Report

_REPORT = ".json"
_SIDE = "FILE.json of `npuemu run --report`, or a kernel to run, with its machine behind an @."
First = Annotated[
    str, typer.Argument(metavar="A", help=_SIDE, autocompletion=completion.side)
]  # fmt: skip
Second = Annotated[
    str,
    typer.Argument(
        metavar="B", help="The same, to compare with A.", autocompletion=completion.side
    ),
]


@dataclass(frozen=True)
class Choice:
    """What the runs of both sides have in common."""

    params: dict[str, int]
    blocks: int | None
    mode: str
    seed: int


@dataclass(frozen=True)
class Loaded:
    """A kernel to run, and the parameters that it does not have, each with the refusal."""

    program: Program
    machine: str | None
    unknown: dict[str, AsmError]


def diff(
    a: First,
    b: Second,
    defines: options.Defines = [],  # noqa: B006
    blocks: options.Blocks = None,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode",
            metavar="full|timing|numbers",
            help="What is computed.",
            autocompletion=completion.mode,
        ),
    ] = None,
    seed: Annotated[
        str | None, typer.Option("--seed", metavar="N", help="Seed of drawn inputs.")
    ] = None,
    json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE.json", help="Write the comparison; - is stdout."),
    ] = None,
) -> int:
    """Compare two runs: cycles, stalls, traffic, occupancy, lines, outputs."""
    choice = Choice(
        options.parameters(defines),
        None if blocks is None else options.integer(blocks, "--blocks", 1),
        options.mode(mode or "full"),
        options.integer(seed or "0", "--seed", 0),
    )
    options.writable(json, "--json")
    if json not in (None, "-") and Path(str(json)).resolve() in _files(a, b):
        raise UserError(f"--json: {json} would overwrite what is compared")
    both_files = all(side.endswith(_REPORT) for side in (a, b))
    if both_files and (defines or any(text is not None for text in (blocks, mode, seed))):
        raise UserError("A and B are reports: -D, --blocks, --mode and --seed are for runs")
    reports = _reports((a, b), choice)

    from npuemu.report import comparison, comparison_text
    from npuemu.report.terminal import style_for

    found = comparison.compare(*reports)
    if json is not None and json != "-":
        options.write(json, comparison.encode(found), "--json")
    if json == "-":
        sys.stdout.write(comparison.encode(found).decode())
    else:
        sys.stdout.write(comparison_text.render(found, style_for(sys.stdout)))
    return 1 if found.a.errors or found.b.errors else 0


def _files(*sides: str) -> set[Path]:
    """The files that sides are."""
    return {Path(side).resolve() for side in sides if Path(side).is_file()}


def _reports(sides: tuple[str, str], choice: Choice) -> tuple[Report, Report]:
    """Both reports: files are read and kernels assembled before anything runs."""
    sources = [_read(side) if side.endswith(_REPORT) else _load(side, choice) for side in sides]
    loaded = [source for source in sources if isinstance(source, Loaded)]
    for name in choice.params:
        if loaded and all(name in kernel.unknown for kernel in loaded):
            raise loaded[0].unknown[name]
    with Progress() as progress:
        first, second = (
            _run(source, choice, progress) if isinstance(source, Loaded) else source
            for source in sources
        )
    return first, second


def _read(path: str) -> Report:
    from npuemu.report.json_schema import decode

    try:
        return decode(Path(path).read_bytes())
    except OSError as error:
        raise UserError(f"cannot read report {path}: {error.strerror}") from None
    except NpuemuError as error:
        raise UserError(f"{path}: {error}") from None


def _split(side: str) -> tuple[str, str | None]:
    """KERNEL[@MACHINE]; a file that has an @ in its own name is a kernel."""
    kernel, sign, machine = side.rpartition("@")
    if not sign or Path(side).exists():
        return side, None
    if not kernel or not machine:
        raise UserError(f"a run is KERNEL or KERNEL@MACHINE, not '{side}'")
    return kernel, machine


def _load(side: str, choice: Choice) -> Loaded:
    """Assemble a side's kernel with those of the parameters that it has."""
    from npuemu import api
    from npuemu.asm import AsmError

    kernel, machine = _split(side)
    given = dict(choice.params)
    unknown: dict[str, AsmError] = {}
    bound = {} if choice.blocks is None else {"blocks": choice.blocks}
    while True:
        try:
            return Loaded(api.load(kernel, machine=machine, **bound, **given), machine, unknown)
        except AsmError as error:
            refused = _refused(error, given)
            if not refused:
                raise
            unknown |= dict.fromkeys(refused, error)
            given = {name: value for name, value in given.items() if name not in refused}


def _refused(error: AsmError, given: dict[str, int]) -> list[str]:
    """The parameters that a kernel refuses to be given: one it has not, all if it is a binary."""
    if error.code not in ("A801", "A805"):
        return []
    named = [name for name in given if f"'{name}'" in error.summary]
    return named or (list(given) if error.code == "A805" else [])


def _run(loaded: Loaded, choice: Choice, progress: Progress) -> Report:
    from npuemu import api
    from npuemu.report.json_schema import as_report

    result = api.run(
        loaded.program, machine=loaded.machine, blocks=loaded.program.blocks, mode=choice.mode,
        seed=choice.seed, progress=progress,
    )  # fmt: skip
    return as_report(result.report)
