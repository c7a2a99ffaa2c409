"""`npuemu profile`: why a run takes as long as it does, and what to change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from npuemu.cli import completion, options
from npuemu.cli.progress import Progress
from npuemu.cli.sources import Sources
from npuemu.errors import UserError


def profile(
    kernel: options.Kernel,
    defines: options.Defines = [],  # noqa: B006
    machine: options.MachineName = None,
    blocks: options.Blocks = None,
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            metavar="full|timing",
            help="What is computed.",
            autocompletion=completion.timed_mode,
        ),
    ] = "full",
    seed: Annotated[str, typer.Option("--seed", metavar="N", help="Seed of drawn inputs.")] = "0",
    report: Annotated[
        str | None,
        typer.Option(
            "--report", metavar="FILE.json", help="Write the report with the profile; - is stdout."
        ),
    ] = None,
) -> int:
    """Name a run's bound and its critical path, and say what would make it faster."""
    bound = options.binding(defines, machine, blocks)
    chosen, first = options.mode(mode), options.integer(seed, "--seed", 0)
    if chosen == "numbers":
        raise UserError("--mode numbers counts no cycles: a profile needs full or timing")
    options.writable(report, "--report")
    options.distinct([("--report", report)], kernel)

    from npuemu import api
    from npuemu.profiling.profile import profile as make_profile
    from npuemu.report.json_schema import as_report, encode
    from npuemu.report.terminal import findings

    loaded = api.load(kernel, **bound)
    with Progress() as progress:
        result = api.run(
            loaded, machine=machine, blocks=loaded.blocks, mode=chosen, seed=first,
            progress=progress, record=True,
        )  # fmt: skip
    if any(found["code"] in api.BROKEN_OFF for found in result.diagnostics):
        sys.stderr.write(findings(result.report, _sources(kernel)))
        sys.stderr.write(f"the run broke off at cycle {result.cycles:,}: it has no profile\n")
        return 1
    typed, found = as_report(result.report), make_profile(result)
    if report is not None:
        text = encode({**result.report, "profile": found})
        if report == "-":
            sys.stdout.write(text.decode())
        else:
            options.write(report, text, "--report")
    _show(kernel, typed, found, to_stderr=report == "-")
    return 0 if result.ok else 1


def _sources(kernel: str) -> Sources:
    """The lines of a kernel's text and of its includes."""
    path = Path(kernel)
    return Sources(path.parent if path.exists() else None)


def _show(kernel: str, report: object, profile: object, *, to_stderr: bool) -> None:
    """The profile on standard output; only the findings, on stderr, when the JSON goes there."""
    from npuemu.report import profile_text, terminal
    from npuemu.report.json_schema import Profile, as_report

    assert isinstance(profile, Profile)
    typed = as_report(report)  # type: ignore[arg-type]
    sources = _sources(kernel)
    if to_stderr:
        sys.stderr.write(terminal.findings(typed, sources))
        return
    style = terminal.style_for(sys.stdout)
    sys.stdout.write(profile_text.render(typed, profile, style, sources))
