"""The tutorial does what it says: its pages are run, and its kernels keep what they promise."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import npuemu
from npuemu.verify import load_golden
from tests.docs.pages import ROOT, Reader, excerpt, patched
from tests.docs.refresh import renewed

FOLDER = ROOT / "docs" / "tutorial"
PAGES = ("first-kernel", "tuning")
ONE_BLOCK = ("1-copy", "2-tile", "3-loop", "4-double")
PRODUCT = ("7-repaired", "8-slots", "9-longer", "10-tiles", "11-halves")
ANY_BLOCKS = ("5-blocks", *PRODUCT)
MACHINES = ("ascend910b1", "ascend950pr")
SIZES = {"M": 256, "N": 512, "K": 512}
_FIGURE = re.compile(r"\b\d{1,3}(?:,\d{3})+\b|\b\d+\.\d+\b")


def prose(text: str) -> str:
    """A page without its blocks and code."""
    return re.sub(r"`[^`\n]+`", "", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))


@pytest.mark.parametrize("name", PAGES)
def test_page(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands give what is shown, listings are the files, diffs lead from one to the next."""
    for file in FOLDER.iterdir():
        if file.suffix in (".npu", ".py"):
            shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    reader, page = Reader(tmp_path, capsys), FOLDER / f"{name}.md"
    assert reader.read(page) >= 10
    said = "\n".join(reader.said)
    figures = set(_FIGURE.findall(prose(page.read_text(encoding="utf-8"))))
    assert figures and sorted(f for f in figures if f not in said) == []


def test_every_kernel_is_on_a_page() -> None:
    files = {file.stem for file in FOLDER.glob("*.npu")}
    assert files == {*ONE_BLOCK, *ANY_BLOCKS, "6-slow"}
    shown = " ".join((FOLDER / f"{name}.md").read_text(encoding="utf-8") for name in PAGES)
    assert sorted(file for file in files if f"{file}.npu" not in shown) == []


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("kernel", ANY_BLOCKS)
def test_any_number_of_blocks(kernel: str, machine: str) -> None:
    """Clean, with more blocks than tiles too, and the same outputs."""
    file = FOLDER / f"{kernel}.npu"
    runs = [npuemu.run(file, machine=machine, blocks=n, **SIZES) for n in (1, 2, 3, 24)]
    assert [run.diagnostics for run in runs] == [[]] * 4
    assert all((run.outputs["C"] == runs[0].outputs["C"]).all() for run in runs)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("kernel", ["6-slow", *PRODUCT])
def test_integer_products_are_as_defined(kernel: str, machine: str) -> None:
    """The slow kernel's too: its race does not show in the numbers."""
    definition = load_golden(FOLDER / f"{kernel}.npu")
    inputs = definition.inputs(SIZES, 3)
    run = npuemu.run(FOLDER / f"{kernel}.npu", machine=machine, inputs=inputs, **SIZES)
    assert (run.outputs["C"] == definition.golden(inputs, SIZES)["C"]).all()
    assert run.ok == (kernel != "6-slow")


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("kernel", ONE_BLOCK)
def test_one_block_alone(kernel: str, machine: str) -> None:
    file = FOLDER / f"{kernel}.npu"
    assert npuemu.run(file, machine=machine).diagnostics == []
    with pytest.raises(npuemu.UserError, match="1 block, not 2"):
        npuemu.run(file, machine=machine, blocks=2)


def test_shown_outputs_are_renewed_within_their_gaps() -> None:
    came = ["run of 12", "300 cycles", "", "M  40  ####..", "FIX  5", "", "end 7"]
    assert renewed(["run of 11", "...", "FIX  99", "..."], came) == [
        "run of 12", "...", "FIX  5", "...",
    ]  # fmt: skip
    assert renewed(["...", "M 3 #.....", "...", "end 1"], came) == ["...", came[3], "...", came[6]]
    assert renewed(["run of 11"], came) == came


def test_diffs_and_excerpts_can_fail() -> None:
    hunks = "@@ -2,2 +2,3 @@\n b\n-c\n+d\n+e\n"
    assert patched("a\nb\nc\nf\n", hunks) == "a\nb\nd\ne\nf\n"
    with pytest.raises(AssertionError, match="line 2: no such lines"):
        patched("a\nb\nx\nf\n", hunks)
    assert excerpt("b\nc\n", "a\nb\nc\n") and not excerpt("b\nd\n", "a\nb\nc\nd\n")
    assert not excerpt("b\n", "ab\n")
