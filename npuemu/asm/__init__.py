"""Text to program and back, the binary file, and the messages.

>>> from npuemu import asm
>>> program = asm.assemble(text, params={"M": 16})      # doctest: +SKIP
>>> asm.binary.dump(program)                            # doctest: +SKIP
"""

from __future__ import annotations

from npuemu.asm import binary, errors
from npuemu.asm.assemble import assemble
from npuemu.asm.disassemble import disassemble
from npuemu.asm.errors import AsmError, Location
from npuemu.asm.files import load_file
from npuemu.asm.program import Buffer, Program, Tensor

__all__ = [
    "AsmError",
    "Buffer",
    "Location",
    "Program",
    "Tensor",
    "assemble",
    "binary",
    "disassemble",
    "errors",
    "load_file",
]
