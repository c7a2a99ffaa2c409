"""Shell completion: which words are offered where, and the exchange with the shell's script.

`typer` writes the scripts and reads the line; Bash alone needs help, because it takes `M=16` for
three words and replaces the last of them only.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import textwrap
from typing import Protocol

import typer

from npuemu.cli import candidates
from npuemu.cli.candidates import Line, Offer

VARIABLE = "_NPUEMU_COMPLETE"
"""Set by a shell's script: `complete_SHELL` asks for words, `source_SHELL` for the script."""
HELP_WIDTH = 60
_BREAKS = ("=", ":", "@")
"""Characters that Bash makes words of their own."""


class Command(Protocol):
    """The part of a command that answers a shell."""

    def main(self, *, args: list[str], prog_name: str, standalone_mode: bool) -> object:
        """Answer what the environment asks for, and leave by SystemExit."""


def kernel(incomplete: str) -> list[Offer]:
    """For KERNEL."""
    return _shown(candidates.kernels(incomplete))


def machine(incomplete: str) -> list[Offer]:
    """For `--machine`."""
    return _shown(candidates.machines(incomplete))


def define(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """For `-D`."""
    return _shown(candidates.parameters(_line(ctx), incomplete))


def input_file(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """For `--in`."""
    return _shown(candidates.tensors(_line(ctx), incomplete, "in", "inputs"))


def output_file(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """For `--out`."""
    return _shown(candidates.tensors(_line(ctx), incomplete, "out", "outputs"))


def mode(incomplete: str) -> list[Offer]:
    """For `--mode`."""
    return _shown(candidates.modes())


def timed_mode(incomplete: str) -> list[Offer]:
    """For `--mode` where cycles are what is asked for."""
    return _shown(candidates.modes("numbers"))


def side(incomplete: str) -> list[Offer]:
    """For the sides of `npuemu diff`."""
    return _shown(candidates.sides(incomplete))


def code(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """For the codes of `npuemu explain`."""
    return _shown(candidates.codes(_line(ctx), incomplete))


def mnemonic(incomplete: str) -> list[Offer]:
    """For the instruction of `npuemu isa`."""
    return _shown(candidates.mnemonics())


def study(incomplete: str) -> list[Offer]:
    """For the study of `npuemu reproduce`."""
    return _shown(candidates.studies())


def joined(words: list[str], current: int) -> tuple[list[str], int]:
    """Bash's words with `NAME`, `=`, `value` made one again, and where the current one went."""
    found: list[str] = []
    place = 0
    open_end = False
    for index, word in enumerate(words[: current + 1]):
        sticks = bool(found) and (word in _BREAKS or open_end)
        if sticks:
            found[-1] += word
        else:
            found.append(word)
        place = len(found) - 1
        open_end = word in _BREAKS and index > 0
    return found, place


def _shown(offers: list[Offer]) -> list[Offer]:
    """Help cut to one line; `typer` reads it as markup. Bash shows none."""
    if os.environ.get(VARIABLE) == "complete_bash":
        return offers
    from rich.markup import escape

    return [
        (word, escape(textwrap.shorten(meaning, HELP_WIDTH, placeholder=" ...")))
        for word, meaning in offers
    ]


def _words() -> list[str]:
    """The whole words on the line, before the one being typed."""
    if os.environ.get(VARIABLE) == "complete_bash":
        at = os.environ["COMP_CWORD"]
        return os.environ["COMP_WORDS"].split("\n")[: int(at)]
    text = os.environ.get("_TYPER_COMPLETE_ARGS", "")
    words = text.split()
    return words if text.endswith(" ") else words[:-1]


def _line(ctx: typer.Context) -> Line:
    """What the line sets so far; an option that still waits for its value is left out.

    With such an option at the end the context that `typer` hands over has lost everything else.
    """
    words = _words()
    start = words.index(ctx.info_name) + 1 if ctx.info_name in words else len(words)
    rest = words[start:]
    if rest and rest[-1].startswith("-"):
        rest.pop()
    made = ctx.command.make_context(ctx.info_name, rest, resilient_parsing=True)
    return made.params


def _bash(command: Command) -> int:
    """Answer Bash: words made whole before, and the part that it keeps cut off after."""
    raw = os.environ.get("COMP_WORDS", "").split("\n")
    at = os.environ.get("COMP_CWORD", "0")
    current = int(at) if at.isdecimal() else 0
    raw += [""] * (current + 1 - len(raw))
    words, place = joined(raw, current)
    kept = ""
    if words[place] != raw[current]:
        cut = max(words[place].rfind(mark) for mark in _BREAKS) + 1
        kept = words[place][:cut]
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(words), str(place)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = _exchange(command)
    for line in said.getvalue().splitlines():
        print(line.removeprefix(kept))
    return status


def _exchange(command: Command) -> int:
    """Let `typer` answer; the status that the shell's script looks at."""
    try:
        command.main(args=[], prog_name="npuemu", standalone_mode=False)
    except SystemExit as leave:
        return leave.code if isinstance(leave.code, int) else 0
    return 0


def asked() -> bool:
    """Whether a shell asks for words, or for its script."""
    return bool(os.environ.get(VARIABLE))


def answer(command: Command) -> int:
    """Answer the shell; a failure offers nothing and says nothing on the half-typed line."""
    try:
        bash = os.environ[VARIABLE] == "complete_bash"
        status = _bash(command) if bash else _exchange(command)
    except Exception:
        if os.environ.get("NPUEMU_DEBUG"):
            raise
        status = 1
    sys.stdout.flush()
    return status
