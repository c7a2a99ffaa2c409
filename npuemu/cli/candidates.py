"""What the shell offers for a word of the command line: kernels, machines, parameters, codes.

Every function answers with all that could stand there, with a line of help where there is one;
the shell keeps what fits. They read names only: nothing is assembled, nothing heavy is imported.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from npuemu.data import folder

Offer = tuple[str, str]
"""A word, and what it means in a few words (or nothing)."""
Line = Mapping[str, Any]
"""Values of the command's parameters, as far as they are on the line."""

KERNEL_FILES = (".npu", ".bin")
MACHINE_FILES = (".toml",)
TENSOR_FILES = (".npy", ".npz", ".safetensors")
REPORT_FILES = (".json",)
KERNELS = ("kernel", "a", "b")
"""What commands call their kernels."""
MAX_ENTRIES = 4096

# Scripts of some shells evaluate what they are offered: names with other characters stay out.
_PLAIN = re.compile(r"[\w./+,@%~-]+")
_DIGITS = re.compile(r"0[xX][0-9a-fA-F_]+|[0-9][0-9_]*")


def _entries(where: str, start: str, endings: tuple[str, ...]) -> list[str]:
    """Paths in the folder `where` (as written, with its slash) that start so and could lead on."""
    found = []
    try:
        with os.scandir(os.path.expanduser(where) or ".") as entries:
            for _, entry in zip(range(MAX_ENTRIES), entries, strict=False):
                name = entry.name
                hidden = name.startswith(".") and not start.startswith(".")
                if hidden or not name.startswith(start) or not _PLAIN.fullmatch(name):
                    continue
                if entry.is_dir():
                    found.append(f"{where}{name}/")
                elif name.endswith(endings):
                    found.append(where + name)
    except OSError:
        return []
    return sorted(found)


def paths(incomplete: str, endings: tuple[str, ...]) -> list[Offer]:
    """Files with one of the endings, and folders on the way; a lone folder is entered at once."""
    where, slash, start = incomplete.rpartition("/")
    found = _entries(where + slash, start, endings)
    for _ in range(8):
        if len(found) != 1 or not found[0].endswith("/"):
            break
        found = _entries(found[0], "", endings)
    return [(path, "") for path in found]


def _files(incomplete: str, endings: tuple[str, ...]) -> list[Offer]:
    """As `paths`, for a word that is seldom a path: folders only once it has begun."""
    found = paths(incomplete, endings)
    return found if incomplete else [(path, _) for path, _ in found if not path.endswith("/")]


def _summary(kernel: Path) -> str:
    """The kernel's first line after its name, without a period."""
    with kernel.open(encoding="utf-8") as text:
        head = text.readline().strip()
    return head.partition(": ")[2] if head.startswith(";") else ""


def kernels(incomplete: str) -> list[Offer]:
    """Bundled kernels, then kernel files."""
    bundled = sorted(folder("programs").glob("*/kernel.npu"))
    return [(k.parent.name, _summary(k)) for k in bundled] + _files(incomplete, KERNEL_FILES)


def machines(incomplete: str) -> list[Offer]:
    """Built-in machines, then machine files."""
    from npuemu.machine import names

    return [(name, "") for name in names] + _files(incomplete, MACHINE_FILES)


def sides(incomplete: str) -> list[Offer]:
    """What `npuemu diff` compares: kernels, a kernel with its machine, reports."""
    kernel, sign, _ = incomplete.rpartition("@")
    if sign:
        from npuemu.machine import names

        return [(f"{kernel}@{name}", "") for name in names]
    return kernels(incomplete) + [o for o in _files(incomplete, REPORT_FILES) if o[0][-1] != "/"]


def modes(*without: str) -> list[Offer]:
    """What `--mode` takes."""
    from npuemu.cli.options import MODES

    return [(mode, "") for mode in MODES if mode not in without]


def studies() -> list[Offer]:
    """What `npuemu reproduce` takes."""
    from npuemu.reproduce import STUDIES

    return [(study, "") for study in STUDIES]


def codes(line: Line, incomplete: str) -> list[Offer]:
    """Codes of diagnostics that are not on the line yet, with their titles."""
    from npuemu import pages

    given = {code.upper() for code in line.get("codes") or ()}
    offers = [(code, pages.page(code).title) for code in pages.codes() if code not in given]
    # What is typed in lower case is meant all the same, and a shell replaces only what fits.
    lower = incomplete[:1].islower()
    return [(code.lower() if lower else code, title) for code, title in offers]


def mnemonics() -> list[Offer]:
    """Every instruction, with its summary."""
    from npuemu.isa.table import load

    return [(record.name, record.summary) for record in load().records]


def _kernel_file(name: str) -> Path | None:
    """The text that a kernel's name or path stands for, if there is one."""
    bundled = folder("programs") / name / "kernel.npu"
    own = Path(os.path.expanduser(name))
    found = bundled if "/" not in name and bundled.is_file() else own
    found = found / "kernel.npu" if found.is_dir() else found
    return found if found.suffix == ".npu" and found.is_file() else None


def directives(kernel: Path, seen: set[Path] | None = None) -> Iterator[tuple[str, list[str], str]]:
    """(directive, tokens after it, their text) of a kernel's lines and of the files it includes.

    Branches of `.if` are all read: which of them counts depends on values that are not known here.
    """
    from npuemu.asm.lexer import LineError, tokenise

    seen = set() if seen is None else seen
    seen.add(kernel)
    for text in kernel.read_text(encoding="utf-8", errors="replace").splitlines():
        if not text.lstrip().startswith("."):
            continue
        try:
            _, tokens = tokenise(text)
        except LineError:
            continue
        words = [token.text for token in tokens]
        if words[0] == ".include" and len(words) == 2:
            name = words[1].strip('"')
            places = (kernel.parent / name, folder("programs") / "include" / name)
            found = next((p for p in places if p.is_file()), None)
            if found is not None and found not in seen:
                yield from directives(found, seen)
        else:
            yield words[0], words[1:], text[tokens[0].end - 1 : tokens[-1].end - 1].strip()


def _of_kernel(line: Line, *kinds: str) -> Iterator[tuple[list[str], str]]:
    """Tokens and text of the kernels' directives of some kinds; none without a readable kernel."""
    for name in KERNELS:
        path = _kernel_file((line.get(name) or "").partition("@")[0])
        with contextlib.suppress(OSError):
            for kind, words, text in directives(path) if path else ():
                if kind in kinds and words:
                    yield words, text


def _given(texts: Iterable[str] | None) -> set[str]:
    """Names that `NAME=value` options on the line already set."""
    return {text.partition("=")[0] for text in texts or ()}


def parameters(line: Line, incomplete: str) -> list[Offer]:
    """`NAME=` for every parameter of the kernel on the line that is not set yet.

    A name that is the only one left is offered with its default as well, where that is a number:
    it shows the default, and shells put no space behind what two words have in common.
    """
    given = _given(line.get("defines"))
    found: dict[str, str] = {}
    for words, text in _of_kernel(line, ".param"):
        if words[0] not in given:
            found.setdefault(words[0], text.partition("=")[2].strip())
    offers = [(f"{name}=", f"default {text}") for name, text in found.items()]
    typed = incomplete.partition("=")[0]
    whole = "=" in incomplete
    fitting = [n for n in found if (n == typed if whole else n.startswith(typed))]
    if len(fitting) == 1 and _DIGITS.fullmatch(found[fitting[0]]):
        default = (f"{fitting[0]}={found[fitting[0]]}", "default")
        return [default] if whole else [*offers, default]
    return [] if whole else offers


def tensors(line: Line, incomplete: str, role: str, given: str) -> list[Offer]:
    """`TENSOR=` for tensors of a role in the kernel on the line, then a tensor file."""
    name, sign, file = incomplete.partition("=")
    if sign:
        return [(f"{name}={path}", "") for path, _ in paths(file, TENSOR_FILES)]
    taken = _given(line.get(given))
    offers = []
    for words, text in _of_kernel(line, ".tensor"):
        close = words.index("]") + 1 if "]" in words else len(words)
        if words[close : close + 1] == [role] and words[0] not in taken:
            offers.append((f"{words[0]}=", text[len(words[0]) :].strip()))
    return offers
