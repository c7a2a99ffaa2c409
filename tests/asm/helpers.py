"""Short texts for the assembler's tests."""

from __future__ import annotations

from typing import Any

import pytest

from npuemu import asm
from tests.asm.machines import EVERYTHING

HEAD = ".kernel k\n.machines everything\n.section vector\n"
"""Three lines: the body of `kernel` starts on line 4."""


def kernel(body: str, core: str = "vector") -> str:
    """A whole text around ``body``, which starts on line 4."""
    return HEAD.replace("vector", core) + body + "\nhalt\n"


def build(text: str, **options: Any) -> asm.Program:
    """Assemble for the test machine."""
    return asm.assemble(text, **({"machine": EVERYTHING} | options))


def fails(text: str, code: str, line: int | None, column: int | None, **options: Any) -> str:
    """Assert that a text is refused with this code at this place; its message."""
    with pytest.raises(asm.AsmError) as caught:
        build(text, **options)
    found, place = caught.value, caught.value.location
    assert found.code == code, str(found)
    assert (place and place.line, place and place.column) == (line, column), str(found)
    assert str(found).startswith(f"error[{code}]: ")
    return str(found)


def listing(program: asm.Program) -> list[str]:
    """Instructions of a program as text, without the header and the source map."""
    text = asm.disassemble(program, locations=False)
    lines = text[text.index(".section") :].splitlines()
    return [line.strip() for line in lines if line.startswith("    ") or line.endswith(":")]
