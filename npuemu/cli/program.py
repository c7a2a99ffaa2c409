"""`npuemu asm`, `dis` and `check`: text to binary, binary to text, and whether it is sound."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from npuemu.cli import options


def asm(
    kernel: options.Kernel,
    output: Annotated[
        str, typer.Option("-o", metavar="FILE", help="The binary to write.", show_default=False)
    ],
    defines: options.Defines = [],  # noqa: B006
    machine: options.MachineName = None,
    blocks: options.Blocks = None,
) -> int:
    """Assemble a kernel into a binary file."""
    bound = options.binding(defines, machine, blocks)
    options.writable(output, "-o")
    options.distinct([("-o", output)], kernel)

    from npuemu import api
    from npuemu.asm.binary import dump

    options.write(output, dump(api.load(kernel, **bound)), "-o")
    return 0


def dis(
    kernel: options.Kernel,
    defines: options.Defines = [],  # noqa: B006
    machine: options.MachineName = None,
    blocks: options.Blocks = None,
) -> int:
    """Print a kernel as text that assembles to the same binary."""
    bound = options.binding(defines, machine, blocks)

    from npuemu import api
    from npuemu.asm import disassemble

    sys.stdout.write(disassemble(api.load(kernel, **bound)))
    return 0


def check(
    kernel: options.Kernel,
    defines: options.Defines = [],  # noqa: B006
    machine: options.MachineName = None,
    blocks: options.Blocks = None,
) -> int:
    """Assemble and validate a kernel without running it."""
    bound = options.binding(defines, machine, blocks)

    from npuemu import api
    from npuemu.report.summary import params_text, size

    loaded = api.load(kernel, **bound)
    counts = ", ".join(f"{name} {len(words):,}" for name, words in loaded.code.items())
    facts = f"{params_text(loaded.params)}   blocks {loaded.blocks}".strip()
    print(f"{loaded.name} on {loaded.machine}: ok   {facts}")
    print(f"instructions: {counts}   global memory: {size(loaded.gm_bytes)}")
    return 0
