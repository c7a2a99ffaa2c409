"""What differs between a run's outputs and their golden values, in the words of a failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from npuemu.api import Run
from npuemu.asm.program import Tensor
from npuemu.formats.format import get as get_format
from npuemu.formats.tensor import Array, TensorError, conform
from npuemu.isa.codec import decode
from npuemu.isa.table import Record
from npuemu.isa.table import load as load_isa
from npuemu.report.summary import params_text
from npuemu.verify.compare import Difference, compare_tensors, largest_distance

_SHOWN = 4
"""Places listed before the rest is only counted."""


def subject(run: Run) -> str:
    """What was run: `scale on ascend910b1 (N=64, 2 blocks)`."""
    program = run.kernel
    facts = [params_text(program.params)] if program.params else []
    if program.blocks > 1:
        facts.append(f"{program.blocks} blocks")
    return f"{program.name} on {program.machine}" + (f" ({', '.join(facts)})" if facts else "")


def differences(run: Run, golden: Mapping[str, Any]) -> str | None:
    """Every tensor of `golden` that the run's output differs from, described; None if all agree."""
    parts = [part for name, value in golden.items() if (part := _tensor(run, name, value))]
    return "\n".join(parts) or None


def _tensor(run: Run, name: str, value: Any) -> str | None:
    """The report of one tensor, or None."""
    outputs = [t for t in run.kernel.tensors if t.role == "out"]
    item = next((t for t in outputs if t.name == name), None)
    if item is None:
        have = ", ".join(t.name for t in outputs) or "none"
        return f"  {name} is no output of {run.kernel.name}; its outputs: {have}"
    try:
        expected = conform(value, get_format(item.dtype), item.shape, name)
    except TensorError as error:
        return f"  the golden value does not fit the output: {error}"
    found = compare_tensors(name, run.outputs[name], expected)
    if found is None:
        return None
    if isinstance(found, str):
        return f"  {found}"
    return _described(run, item, found, expected)


def _described(run: Run, item: Tensor, found: Difference, expected: Array) -> str:
    """The first difference of a tensor and where the others lie, a fact a line."""
    width = (found.bits + 3) // 4
    values = len(found.actual), len(found.expected)
    element = f"{item.name}{_index(found.index)}"
    lines = [
        f"  tensor       {item.name}  {item.dtype} {list(item.shape)}",
        f"  differ       {found.count} of {found.total} elements: {found.places}",
        f"  first        {element}: {found.distance}",
        f"    expected   {found.expected:<{max(values)}}  0x{found.expected_bits:0{width}X}",
        f"    actual     {found.actual:<{max(values)}}  0x{found.actual_bits:0{width}X}",
    ]
    largest = largest_distance(run.outputs[item.name], expected)
    if largest is not None and largest[0] > 0 and found.count > 1:
        unit = "ULP" if _floating(expected) else "apart"
        lines.append(f"  largest      {largest[0]} {unit}, at {item.name}{_index(largest[1])}")
    if found.note:
        lines.append(f"  unwritten    {found.note}")
    return "\n".join([*lines, *_writers(run)])


def _index(index: tuple[int, ...]) -> str:
    return f"[{', '.join(str(i) for i in index)}]"


def _floating(array: Array) -> bool:
    return array.dtype.name.startswith(("float", "bfloat"))


def _writers(run: Run) -> list[str]:
    """The instructions of the kernel that store to global memory, one a source line.

    With one of them it is known who wrote an element; with more it is one of these.
    """
    isa = load_isa()
    places: dict[str, str] = {}
    for section, words in run.kernel.code.items():
        for word, location in zip(words, run.kernel.locations[section], strict=True):
            record, values = decode(isa, word)
            if _stores(record, values, isa.enums["space"].values["GM"]):
                places.setdefault(str(location), record.name)
    listed = [f"{where}: {name}" for where, name in places.items()]
    if not listed:
        return ["  written by   nothing: the kernel has no instruction that stores to GM"]
    if len(listed) == 1:
        return [f"  written by   {listed[0]}"]
    more = [f"               ... and {len(listed) - _SHOWN} more"] if len(listed) > _SHOWN else []
    heads = ["  written by   one of", *(f"               {line}" for line in listed[:_SHOWN])]
    return heads + more


def _stores(record: Record, values: Mapping[str, Any], gm: int) -> bool:
    if record.name == "st":
        return bool(values["space"] == gm)
    return any("(GM," in region for region in record.writes)


def copies(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Copies of the arrays, so that a golden function cannot change what was run."""
    return {name: np.array(value, copy=True) for name, value in arrays.items()}
