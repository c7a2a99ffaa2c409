"""The examples of docs/assembly.md assemble, and its tables are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from npuemu import asm
from npuemu.asm.functions import FUNCTIONS
from npuemu.asm.parser import grammar

PAGE = (Path(__file__).parents[2] / "docs" / "assembly.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", blocks("npu"))
def test_kernels_assemble_and_round_trip(text: str) -> None:
    program = asm.assemble(text)
    assert program.machine == "ascend910b1"
    data = asm.binary.dump(program)
    assert asm.binary.load(data) == program
    assert asm.binary.dump(asm.assemble(asm.disassemble(program))) == data


@pytest.mark.parametrize("text", blocks("python"))
def test_python_runs(text: str) -> None:
    exec(compile(text, "assembly.md", "exec"), {})


def test_functions_and_directives_are_all_there() -> None:
    assert [name for name in FUNCTIONS if f"`{name}(" not in PAGE] == []
    assert [name for name in grammar().directives if f"`{name}" not in PAGE] == []


def test_the_message_shown_is_the_message() -> None:
    shown = blocks("text")[0].strip()
    source = (
        "\n" * 27 + ".kernel k\n.machines ascend910b1\n.section vector\n    set_flag MTE2, V, 8\n"
    )
    with pytest.raises(asm.AsmError) as caught:
        asm.assemble(source, file="kernel.npu")
    assert str(caught.value) == shown
