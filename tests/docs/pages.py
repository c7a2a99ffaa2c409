"""Runs a page: its files, its commands with the output shown, its Python, in the order of the text.

A fenced block says what it is: ``npu add.npu`` and ``toml wide.toml`` are files, ``console`` holds
commands behind ``$`` with their output (``...`` stands for any lines), ``python`` is run, ``diff``
makes one file of the page's folder from another. A block with the name of a file that lies beside
the page is an excerpt of it. Other blocks are only read.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from npuemu.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^( *)```(\w+)(?: (\S+))?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file it is (or nothing), its text."""

    language: str
    file: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The blocks of a page."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Block(language, file, textwrap.dedent(text)) for _, language, file, text in found]


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """(command, lines of output) of a console block."""
    command, shown = "", []
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:].split("  #")[0].strip(), []
        else:
            shown.append(line.rstrip())
    if command:
        yield command, shown


def alike(shown: list[str], came: list[str]) -> bool:
    """Whether the output is as shown, where a line ``...`` stands for any lines."""
    if not shown:
        return not came
    if shown[0] == "...":
        return any(alike(shown[1:], came[i:]) for i in range(len(came) + 1))
    return bool(came) and shown[0] == came[0] and alike(shown[1:], came[1:])


_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@.*\n", re.MULTILINE)


def patched(text: str, hunks: str) -> str:
    """A text after the hunks of a unified diff; their context must be there, at its line."""
    old, new, at = text.splitlines(keepends=True), [], 0
    numbers, bodies = _HUNK.findall(hunks), _HUNK.split(hunks)[2::2]
    for number, body in zip(numbers, bodies, strict=True):
        lines = body.splitlines(keepends=True)
        before = [line[1:] for line in lines if line[0] in " -"]
        start = int(number) - 1
        assert old[start : start + len(before)] == before, f"line {number}: no such lines"
        new += [*old[at:start], *(line[1:] for line in lines if line[0] in " +")]
        at = start + len(before)
    return "".join([*new, *old[at:]])


def excerpt(part: str, whole: str) -> bool:
    """Whether ``part`` is some consecutive lines of ``whole``, perhaps less indented."""
    lines, count = whole.splitlines(keepends=True), part.count("\n")
    pieces = ("".join(lines[i : i + count]) for i in range(len(lines)))
    return any(textwrap.dedent(piece) == part for piece in pieces)


class Reader:
    """Reads pages in a folder of its own; ``said`` is all that their commands have put out."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.status = 0
        self.said: list[str] = []

    def environment(self) -> dict[str, str]:
        """Of a shell command: `pytest` is this Python's, with the plugin of this checkout."""
        folder = self.folder / ".bin"
        folder.mkdir(exist_ok=True)
        plugins = "-p npuemu.testing.plugin -p no:cacheprovider"
        for name, options in (("pytest", f"-m pytest {plugins} "), ("python3", "")):
            file = folder / name
            file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {options}"$@"\n')
            file.chmod(0o755)
        return {
            **os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "",
        }  # fmt: skip

    def command(self, command: str) -> list[str]:
        """Run one command: npuemu here, ``echo $?`` from its status, anything else by the shell."""
        if command == "echo $?":
            return [str(self.status)]
        if command.startswith("npuemu ") and not set(command) & set("|>;"):
            self.capsys.readouterr()
            self.status = main(command.split()[1:])
            done = self.capsys.readouterr()
            lines = (done.out + done.err).splitlines()
            return [line.rstrip() for line in lines if not line.startswith("compiling ")]
        ran = subprocess.run(
            command, shell=True, cwd=self.folder, capture_output=True, text=True, check=False,
            env=self.environment(),
        )  # fmt: skip
        self.status = ran.returncode
        return (ran.stdout + ran.stderr).splitlines()

    def console(self, text: str) -> None:
        """Run a console block and compare; a command without shown output must succeed."""
        for command, shown in commands(text):
            came = self.command(command)
            self.said += came
            if any(shown):
                said = "\n".join(came)
                while shown and not shown[-1]:
                    shown = shown[:-1]
                while came and not came[-1]:
                    came = came[:-1]
                assert alike(shown, came), f"$ {command}\n{said}"
            else:
                assert self.status == 0, f"$ {command}\n" + "\n".join(came)

    def file(self, block: Block, beside: Path) -> None:
        """A file of the page, or a part of one that lies beside it."""
        if beside.is_file():
            whole = beside.read_text(encoding="utf-8")
            assert excerpt(block.text, whole), f"{beside.name} has no such lines:\n{block.text}"
        else:
            (self.folder / block.file).write_text(block.text, encoding="utf-8")

    def diff(self, text: str) -> None:
        """``--- A``, ``+++ B`` and hunks: they make B of A."""
        first, second, hunks = text.split("\n", 2)
        a, b = first.removeprefix("--- "), second.removeprefix("+++ ")
        made = patched((self.folder / a).read_text(encoding="utf-8"), hunks)
        assert made == (self.folder / b).read_text(encoding="utf-8"), f"{a} does not become {b}"

    def read(self, page: Path, names: dict[str, Any] | None = None) -> int:
        """Run all of a page; the number of blocks that did something."""
        done = 0
        for block in blocks(page):
            if block.file:
                self.file(block, page.parent / block.file)
            elif block.language == "diff":
                self.diff(block.text)
            elif block.language == "console":
                self.console(block.text)
            elif block.language == "python":
                exec(compile(block.text, page.name, "exec"), names or {"__name__": "page"})
            else:
                continue
            done += 1
        return done
