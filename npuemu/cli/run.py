"""`npuemu run`: assemble, execute, report."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from npuemu.cli import options
from npuemu.cli.progress import Progress
from npuemu.errors import UserError

if TYPE_CHECKING:
    from npuemu.api import Run
    from npuemu.cli.sources import Sources


def run(
    kernel: options.Kernel,
    defines: options.Defines = [],  # noqa: B006
    inputs: Annotated[
        list[str],
        typer.Option(
            "--in",
            metavar="TENSOR=FILE",
            show_default=False,
            help="Read an input (.npy, .npz:key, .safetensors:key); others are drawn from --seed.",
        ),
    ] = [],  # noqa: B006
    outputs: Annotated[
        list[str],
        typer.Option(
            "--out", metavar="TENSOR=FILE", show_default=False, help="Write an output tensor."
        ),
    ] = [],  # noqa: B006
    seed: Annotated[str, typer.Option("--seed", metavar="N", help="Seed of drawn inputs.")] = "0",
    machine: options.MachineName = None,
    blocks: options.Blocks = None,
    mode: Annotated[
        str, typer.Option("--mode", metavar="full|timing|numbers", help="What is computed.")
    ] = "full",
    no_check: Annotated[
        bool,
        typer.Option("--no-check", help="Skip the checks; in timing mode, occupancy too."),
    ] = False,
    threads: Annotated[
        str, typer.Option("--threads", metavar="N", help="Threads for arithmetic.")
    ] = "1",
    shuffle: Annotated[
        str,
        typer.Option("--shuffle", metavar="N", help="Compare outputs over N other legal timings."),
    ] = "0",
    jitter: Annotated[
        str, typer.Option("--jitter", metavar="I", help="Run timing I of --shuffle instead.")
    ] = "0",
    max_cycles: Annotated[
        str | None, typer.Option("--max-cycles", metavar="N", help="End the run after N cycles.")
    ] = None,
    report: Annotated[
        str | None,
        typer.Option("--report", metavar="FILE.json", help="Write the report; - is stdout."),
    ] = None,
    trace: Annotated[
        str | None, typer.Option("--trace", metavar="FILE", help="Write a Chrome JSON trace.")
    ] = None,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write an HTML report.")
    ] = None,
) -> int:
    """Run a kernel: exact outputs, cycles, occupancy, diagnostics."""
    bound = options.binding(defines, machine, blocks)
    given = options.tensor_files(inputs, "--in")
    wanted = options.tensor_files(outputs, "--out")
    chosen = options.mode(mode)
    limit = None if max_cycles is None else options.integer(max_cycles, "--max-cycles", 1)
    first = options.integer(seed, "--seed", 0)
    workers = options.integer(threads, "--threads", 1, 1024)
    timings = options.integer(shuffle, "--shuffle", 0, 1_000_000)
    timing = options.integer(jitter, "--jitter", 0, 1_000_000)
    files = (("--report", report), ("--trace", trace), ("--html", html))
    for option, path in files:
        options.writable(path, option)
    if wanted and chosen == "timing":
        raise UserError("--out needs values, and --mode timing computes none")
    if timings and chosen == "timing":
        raise UserError("--shuffle compares outputs, and --mode timing computes none")

    from npuemu import api
    from npuemu.cli import tensors

    options.distinct([*tensors.check_files(wanted, "--out"), *files], kernel)
    loaded = api.load(kernel, **bound)
    tensors.check_names(loaded, given, "--in", "in")
    tensors.check_names(loaded, wanted, "--out", "out")
    with Progress() as progress:
        result = api.run(
            loaded, machine=machine, inputs=given, blocks=loaded.blocks, mode=chosen,
            check=not no_check, progress=progress, seed=first, threads=workers, max_cycles=limit,
            record=trace is not None or html is not None, shuffle=timings, jitter=timing,
        )  # fmt: skip
    _write(result, wanted, report, trace)
    if html is not None:
        _write_html(result, kernel, html)
    _show(result, kernel, report)
    return 0 if result.ok else 1


def _write(result: Run, wanted: dict[str, str], report: str | None, trace: str | None) -> None:
    """Write every file that was asked for."""
    if wanted:
        from npuemu.cli.tensors import write_outputs

        write_outputs(result, wanted)
    if report is not None:
        from npuemu.report.json_schema import encode

        text = encode(result.report)
        if report == "-":
            sys.stdout.write(text.decode())
        else:
            options.write(report, text, "--report")
    if trace is not None:
        _write_trace(result, trace)


def _write_html(result: Run, kernel: str, path: str) -> None:
    """The page of the run, with the text of its kernel."""
    from npuemu.profiling.profile import profile
    from npuemu.report.json_schema import as_report
    from npuemu.report.page_html import page

    report, recording = as_report(result.report), result.recording
    if recording is not None and report.lines:
        report = replace(report, profile=profile(report, recording))
    if recording is not None and not recording.sources:
        texts = _sources(kernel).files(row.where for row in recording.code)
        recording = dataclasses.replace(recording, sources=texts)
    options.write(path, page(report, recording, peak=_peak(result)).encode(), "--html")


def _sources(kernel: str) -> Sources:
    """Where the lines of a kernel are read."""
    from npuemu.cli.sources import Sources

    path = Path(kernel)
    return Sources(path.parent if path.exists() else None)


def _write_trace(result: Run, path: str) -> None:
    from npuemu.report.trace import spans, write_trace

    recording = result.recording
    if recording is None:
        raise UserError("--trace: this run recorded no trace")
    with Path(path).open("w", encoding="utf-8") as target:
        write_trace(target, spans(recording), recording.clock_mhz)


def _show(result: Run, kernel: str, report: str | None) -> None:
    """The report on standard output; only the findings, on stderr, when the JSON goes there."""
    from npuemu.report import terminal

    sources = _sources(kernel)
    if report == "-":
        sys.stderr.write(terminal.findings(result.report, sources))
        return
    style = terminal.style_for(sys.stdout)
    text = terminal.render(result.report, style, source_line=sources, peak=_peak(result))
    sys.stdout.write(text)


def _peak(result: Run) -> Mapping[str, float] | None:
    """Multiply-adds a cycle of one cube core by input type, if the run knows its machine's."""
    return getattr(result, "mac_peak", None)
