"""`npuemu run`: assemble, execute, report."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from npuemu.cli import completion, debug, options, page
from npuemu.cli import trace as traces
from npuemu.cli.progress import Progress
from npuemu.errors import UserError

if TYPE_CHECKING:
    from npuemu.api import Run


def run(
    kernel: options.Kernel,
    defines: options.Defines = [],  # noqa: B006
    inputs: Annotated[
        list[str],
        typer.Option(
            "--in",
            metavar="TENSOR=FILE",
            show_default=False,
            autocompletion=completion.input_file,
            help="Read an input (.npy, .npz:key, .safetensors:key); others are drawn from --seed.",
        ),
    ] = [],  # noqa: B006
    outputs: Annotated[
        list[str],
        typer.Option(
            "--out",
            metavar="TENSOR=FILE",
            show_default=False,
            help="Write an output tensor.",
            autocompletion=completion.output_file,
        ),
    ] = [],  # noqa: B006
    seed: Annotated[str, typer.Option("--seed", metavar="N", help="Seed of drawn inputs.")] = "0",
    machine: options.MachineName = None,
    blocks: options.Blocks = None,
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            metavar="full|timing|numbers",
            help="What is computed.",
            autocompletion=completion.mode,
        ),
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
        str | None,
        typer.Option("--trace", metavar="FILE", help="Write a trace: Perfetto's form, or .json."),
    ] = None,
    trace_window: Annotated[
        str | None,
        typer.Option("--trace-window", metavar="A:B", help="Cycles of the trace; A: and :B too."),
    ] = None,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write an HTML report.")
    ] = None,
    dump: Annotated[
        list[str],
        typer.Option(
            "--dump",
            metavar="BUFFER@LINE[:N][=FILE]",
            show_default=False,
            help="Save a memory, buffer or tensor as it is right after the instruction at LINE.",
        ),
    ] = [],  # noqa: B006
    print_limit: Annotated[
        str, typer.Option("--print-limit", metavar="N", help="Lines of .print that are shown.")
    ] = "1000",
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
    dumps = debug.dump_files(dump)
    most = options.integer(print_limit, "--print-limit", 0)
    recorded = traces.record(trace, trace_window) or html is not None
    files = (("--report", report), ("--trace", trace), ("--html", html))
    for option, path in files:
        options.writable(path, option)
    if wanted and chosen == "timing":
        raise UserError("--out needs values, and --mode timing computes none")
    if dumps and chosen == "timing":
        raise UserError("--dump needs values, and --mode timing computes none")
    if timings and chosen == "timing":
        raise UserError("--shuffle compares outputs, and --mode timing computes none")

    from npuemu import api
    from npuemu.cli import tensors

    given_files = tensors.check_files(wanted, "--out") + tensors.check_files(dumps, "--dump")
    options.distinct([*given_files, *files], kernel)
    loaded = api.load(kernel, **bound)
    tensors.check_names(loaded, given, "--in", "in")
    tensors.check_names(loaded, wanted, "--out", "out")
    with Progress() as progress:
        result = api.run(
            loaded, machine=machine, inputs=given, blocks=loaded.blocks, mode=chosen,
            check=not no_check, progress=progress, seed=first, threads=workers, max_cycles=limit,
            record=recorded, shuffle=timings, jitter=timing,
            dumps=list(dumps), print_limit=most,
            on_print=lambda line: progress({"text": str(line)}),
        )  # fmt: skip
    _write(result, wanted, report, trace)
    if html is not None:
        page.write(result, kernel, html, _peak(result))
    debug.write_dumps(result, dumps)
    _show(result, kernel, report)
    missing = debug.say_missing(result, dumps)
    return (2 if missing else 0) if result.ok else 1


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
        traces.write(result, trace)


def _show(result: Run, kernel: str, report: str | None) -> None:
    """The report on standard output; only the findings, on stderr, when the JSON goes there."""
    from npuemu.cli.sources import Sources
    from npuemu.report import terminal

    path = Path(kernel)
    sources = Sources(path.parent if path.exists() else None)
    if report == "-":
        sys.stderr.write(terminal.findings(result.report, sources))
        return
    style = terminal.style_for(sys.stdout)
    text = terminal.render(result.report, style, source_line=sources, peak=_peak(result))
    sys.stdout.write(text)


def _peak(result: Run) -> Mapping[str, float] | None:
    """Multiply-adds a cycle of one cube core by input type, if the run knows its machine's."""
    return getattr(result, "mac_peak", None)
