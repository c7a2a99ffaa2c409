"""The ISA manual is what the tables say, and what it shows assembles."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from npuemu import asm
from npuemu import machine as machines
from npuemu.isa.codec import Reg, decode
from npuemu.isa.table import WORD_BITS, Record, load
from npuemu.report import isa_manual

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "isa" / "README.md").read_text(encoding="utf-8")
RECORDS = load().records


def section(record: Record) -> str:
    """The part of the page about one instruction."""
    return PAGE.partition(f"### `{record.name}`\n")[2].partition("\n### `")[0]


def test_the_committed_page_is_fresh() -> None:
    assert PAGE == isa_manual.page(), "run `make docs`"


def test_no_mark_of_the_template_is_left() -> None:
    assert "<!--" not in PAGE


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.name)
def test_every_bit_of_every_word_is_in_its_table(record: Record) -> None:
    seen: list[int] = []
    for msb, lsb in re.findall(r"^\| (\d+)(?:\.\.(\d+))? \|", section(record), re.MULTILINE):
        seen += range(int(lsb or msb), int(msb) + 1)
    assert sorted(seen) == list(range(WORD_BITS))


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.name)
def test_the_example_assembles_to_its_word(record: Record) -> None:
    found = re.search(r"^`(.+)` is `([0-9a-f]{32})`\.$", section(record), re.MULTILINE)
    assert found is not None
    line, word = found[1], int(found[2], 16)
    core = "vector" if record.core == "both" else record.core
    name = next(m for m in machines.names if record.requires <= machines.load(m).features)
    if record.name == "mmad" or "pipe=M" in line:
        core = "cube"
    text = f".kernel k\n.machines {name}\n.section {core}\nnext: {line}\nhalt\n"
    assert asm.assemble(text).code[core][0] == word
    decoded, values = decode(load(), word)
    assert decoded == record
    assert all(isinstance(v, (int, Reg)) for v in values.values())


def test_time_rows_are_those_of_the_machine() -> None:
    assert "| 11 | 2 + n | 11 |" in section(load().by_name["mmad"])
    assert "| 14 | 1 + 2n | 14 |" in section(load().by_name["load_l1_l0a"])
    assert "B/170 (85)" in section(load().by_name["mov_gm_l1"])


def test_writing_it_needs_no_numba() -> None:
    code = (
        "import sys; from npuemu.report import isa_manual; isa_manual.page(); "
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_stale_page_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "README.md"
    assert isa_manual.main([str(path)]) == 0
    assert isa_manual.main(["--check", str(path)]) == 0
    path.write_text("old", encoding="utf-8")
    assert isa_manual.main(["--check", str(path)]) == 1
    assert "make docs" in capsys.readouterr().err
