"""Entry point of the command `npuemu`: dispatch, exit status, and one clear line for every failure.

Exit status: 0 done and clean; 1 diagnostics or a mismatch; 2 bad usage or input.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from npuemu import pages
from npuemu.cli import (
    catalog,
    completion,
    diff,
    explain,
    profile,
    program,
    reproduce,
    run,
    verify,
)

BAD_INPUT = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

app = typer.Typer(
    name="npuemu",
    help="Run NPU kernels without the NPU: exact results, cycles, occupancy, diagnostics.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("run")(run.run)
app.command("diff")(diff.diff)
app.command("profile")(profile.profile)
app.command("asm")(program.asm)
app.command("dis")(program.dis)
app.command("check")(program.check)
app.command("verify")(verify.verify)
app.command("reproduce")(reproduce.reproduce)
app.command("list")(catalog.list_kernels)
app.command("machines")(catalog.machines)
app.command("isa")(catalog.isa)
app.command("explain")(explain.explain)


def _print_version(value: bool) -> None:
    if value:
        from npuemu import __version__

        print(f"npuemu {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def describe(error: BaseException) -> str:
    """The message of a failure for a person, first line starting with `error`."""
    usage = getattr(error, "format_message", None)
    if callable(usage):
        text = str(usage())
    elif type(error).__module__.split(".")[0] == "npuemu":
        # Every exception class of this package carries a message for a person.
        code = getattr(error, "code", None)
        text = f"{error}\n{pages.hint([code])}" if code else str(error)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = "not enough memory for this run"
    else:
        detail = " ".join(f"{type(error).__name__}: {error}".split())
        text = (
            f"internal error: {detail} "
            "(a bug in npuemu, please report it; NPUEMU_DEBUG=1 shows the traceback)"
        )
    return text if text.startswith("error") else f"error: {text}"


def _close_pipe() -> int:
    """The reader has gone: say nothing, not even when the interpreter flushes at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _dispatch(arguments: Sequence[str]) -> int:
    # Not `app(...)`: it has its own ways with interrupts and closed pipes.
    command = typer.main.get_command(app)
    if completion.asked():
        return completion.answer(command)
    try:
        with command.make_context("npuemu", list(arguments)) as context:
            status = command.invoke(context)
    except typer.Exit as leave:
        status = leave.exit_code
    except SystemExit as leave:
        # How the options that show and install completion end.
        status = leave.code
    sys.stdout.flush()
    return status if isinstance(status, int) else 0


def _open_streams() -> None:
    """A stream that was closed before the start swallows what is written to it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    _open_streams()
    try:
        return _dispatch(given or ["--help"])
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return _close_pipe()
    except Exception as error:
        if os.environ.get("NPUEMU_DEBUG"):
            raise
        print(describe(error), file=sys.stderr)
        return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
