"""The pages do what they say, and their tables are those of the code."""

from __future__ import annotations

import importlib
import re
import sys
import types
import typing
from pathlib import Path

import msgspec
import pytest

from npuemu import api
from npuemu.engine.state import STALL_NAMES
from npuemu.machine.load import FEATURES
from npuemu.machine.schema import Figure, MachineFile, Names
from tests.docs.pages import ROOT, Reader, alike, blocks

DOCS = ROOT / "docs"
PAGES = (
    "getting-started",
    "profiling",
    "traces",
    "html-page",
    "debugging",
    "machine-files",
    "testing",
)


def text(name: str) -> str:
    """A page of docs/."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_page(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Reader(tmp_path, capsys).read(DOCS / f"{name}.md") >= 2


def test_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Reader(tmp_path, capsys).read(ROOT / "README.md") >= 1


def test_contributing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Reader(tmp_path, capsys).read(ROOT / "CONTRIBUTING.md") >= 1


def test_shown_lines_match_with_gaps() -> None:
    assert alike(["a", "...", "c"], ["a", "b", "b", "c"])
    assert alike(["...", "c"], ["c"])
    assert not alike(["a", "...", "c"], ["a", "b"])


def links() -> list[tuple[str, str]]:
    """(page, target) of every relative link."""
    pages = [
        *DOCS.glob("*.md"),
        *DOCS.glob("tutorial/*.md"),
        *(ROOT / "diagnostics").glob("*.md"),
        *(ROOT / n for n in ("README.md", "CONTRIBUTING.md", "isa/README.md", "editors/README.md")),
        *(ROOT / "examples").glob("*/README.md"),
    ]
    found = []
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                found.append((str(page.relative_to(ROOT)), target))
    return found


def test_links_lead_somewhere() -> None:
    broken = [(p, t) for p, t in links() if not (ROOT / p).parent.joinpath(t).exists()]
    assert broken == []


def machine_keys(kind: type[msgspec.Struct] = MachineFile, prefix: str = "") -> list[str]:
    """Every key of a machine file; a figure is one key, tables named by the user have a <NAME>."""
    found: list[str] = []
    for name, hint in typing.get_type_hints(kind).items():
        parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        inner = parts[0]
        if typing.get_origin(inner) is dict:
            inner, name = typing.get_args(inner)[1], f"{name}.<NAME>"
        nested = isinstance(inner, type) and issubclass(inner, msgspec.Struct)
        if nested and inner not in (Figure, Names):
            found += machine_keys(inner, f"{prefix}{name}.")
        else:
            found.append(prefix + name)
    return found


def test_every_key_of_a_machine_file_is_explained() -> None:
    page = text("machine-files")
    explained = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    keys = [k for k in machine_keys() if not k.endswith(("arithmetic.source", "types.source"))]
    keys = [k for k in keys if not k.endswith(("casts.source",))]
    assert sorted(k for k in keys if k not in explained) == []
    assert [k for k in explained if "." in k and k not in machine_keys()] == []
    assert [f for f in FEATURES if f"`{f}`" not in page] == []


def test_stall_causes_are_in_the_table() -> None:
    page = text("timing")
    assert [n for n in STALL_NAMES.values() if f"| `{n}` |" not in page] == []


def test_worked_examples_of_the_clock() -> None:
    """Every npu block of the page is followed by the cycles that its text derives by hand."""
    page = text("timing")
    found = re.findall(
        r"^```npu\n(.*?)^```\n(.*?)\*\*(\d+) cycles\*\*", page, re.MULTILINE | re.DOTALL
    )
    assert len(found) >= 4
    for kernel, between, cycles in found:
        assert "```npu" not in between
        assert api.run(api.assemble(kernel)).cycles == int(cycles), kernel


def test_kernels_of_the_readme_are_those_bundled() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[`(\w+)`\]\(programs/\1/?\) \|", page, re.MULTILINE)
    assert set(listed) >= {k.name for k in api.list_kernels()}


def test_what_the_readme_says_of_the_checks_stands_elsewhere() -> None:
    """The finding it shows is one that the tutorial's commands give; the mutants are counted."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tutorial = (ROOT / "docs/getting-started.md").read_text(encoding="utf-8")
    assert readme.split("```text\n")[1].split("```")[0] in tutorial
    mutants = (ROOT / "docs/mutation.md").read_text(encoding="utf-8")
    counts = [int(n) for n in re.findall(r"^\| all \| (\d+) ", mutants, re.MULTILINE)]
    assert f"[{sum(counts):,} mutants]" in readme


def test_make_targets_that_pages_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        found = re.findall(
            r"(?:`|^ *)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE
        )
        for target in found:
            known = re.search(rf"^{target}:", makefile, re.MULTILINE)
            assert known, f"{page.name}: make {target}"


def test_no_page_has_a_file_twice() -> None:
    for page in [*DOCS.glob("*.md"), ROOT / "README.md"]:
        files = [b.file for b in blocks(page) if b.file]
        assert len(files) == len(set(files)), page.name


def crossover_page() -> types.ModuleType:
    """The generator of the README's table."""
    folder = str(ROOT / "benchmarks")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("crossover_page")
    finally:
        sys.path.remove(folder)


@pytest.mark.parametrize(("m", "blocks"), [(16, 1), (128, 24)])
def test_a_row_of_the_readme_is_what_the_kernels_take(m: int, blocks: int) -> None:
    line = crossover_page().row(m, blocks)
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert line in page, f"{line}run `python benchmarks/crossover_page.py README.md`"


@pytest.mark.slow
def test_the_whole_table_of_the_readme() -> None:
    assert crossover_page().main(["--check", str(ROOT / "README.md")]) == 0
