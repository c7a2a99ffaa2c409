"""Golden tensors stored beside a test: an archive of arrays and a manifest that says what they are.

`golden/<test file>/<test>/<name>.npz` holds the outputs, types that NumPy lacks as raw codes;
`<name>.json` holds type, shape and SHA-256 of each, and what was run on which inputs.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import npuemu
from npuemu.api import Run
from npuemu.formats import files, tensor
from npuemu.formats.format import get as get_format
from npuemu.formats.tensor import Array, TensorError
from npuemu.testing.assertions import refuse_errors
from npuemu.testing.differences import differences, subject
from npuemu.testing.session import TestPlace
from npuemu.verify.compare import bit_patterns

SCHEMA = "npuemu-golden-1"


@dataclass(frozen=True)
class Recorded:
    """A manifest: what was run, on inputs of which SHA-256, and what came out.

    tensors: type, shape and SHA-256 of the bytes in GM, by output name, as in the run's report.
    """

    schema: str
    npuemu: str
    test: str
    kernel: str
    machine: str
    blocks: int
    params: dict[str, int]
    inputs: dict[str, str]
    tensors: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, run: Run, inputs: Mapping[str, Array], test: str) -> Recorded:
        """The manifest of a run; AssertionError if it has errors or computed no values."""
        __tracebackhide__ = True
        refuse_errors(run)
        if run.report["mode"] == "timing" or not run.report["outputs"]:
            raise AssertionError(f"{subject(run)} has no outputs (mode {run.report['mode']})")
        program = run.kernel
        hashes = {
            item.name: hashlib.sha256(
                tensor.to_bytes(inputs[item.name], get_format(item.dtype), item.shape).data
            ).hexdigest()
            for item in program.tensors
            if item.role == "in" and item.name in inputs
        }
        return cls(
            SCHEMA, npuemu.__version__, test, program.name, program.machine, program.blocks,
            dict(program.params), hashes, run.report["outputs"],
        )  # fmt: skip

    def changes(self, then: Recorded) -> list[str]:
        """What was run otherwise than it was `then`, in words."""
        found = []
        for key in ("kernel", "machine", "blocks", "params"):
            now, before = getattr(self, key), getattr(then, key)
            if now != before:
                found.append(f"{key} {_plain(before)} -> {_plain(now)}")
        other = [n for n, value in self.inputs.items() if then.inputs.get(n, value) != value]
        if other:
            found.append(f"input {', '.join(other)} has other values")
        return found


class _Damaged(Exception):
    """Stored files that do not belong together."""


def check(place: TestPlace, name: str, run: Run, now: Recorded) -> None:
    """Compare a run's outputs with the stored ones; AssertionError says what to do."""
    __tracebackhide__ = True
    data, manifest = _paths(place, name)
    if not data.exists() and not manifest.exists():
        raise AssertionError(
            f"no golden tensors are stored for {subject(run)}\n  {place.shown(data)} is missing\n"
            f"make them, look at them and commit them:\n  {place.command}"
        )
    try:
        then, arrays = _read(data, manifest)
    except _Damaged as problem:
        raise AssertionError(
            f"golden tensors were edited or damaged: {problem}\n"
            f"  {place.shown(data)}\n  {place.shown(manifest)}\n"
            f"restore both files from version control, or record them again:\n  {place.command}"
        ) from None
    found = _compare(run, now, then, arrays)
    if not found:
        return
    notes = "".join(f"  since then   {note}\n" for note in now.changes(then))
    raise AssertionError(
        f"{subject(run)} is not what was recorded\n  recorded in  {place.shown(data)}\n"
        f"{found}\n{notes}"
        f"if the new values are right, record them:\n  {place.command}"
    )


def update(place: TestPlace, name: str, run: Run, now: Recorded) -> str:
    """Store a run's outputs; a line that says what became of the file, or AssertionError."""
    __tracebackhide__ = True
    data, manifest = _paths(place, name)
    try:
        then, arrays = _read(data, manifest)
    except _Damaged as problem:
        there = data.exists() or manifest.exists()
        word, note = ("replaced", f": {problem}") if there else ("new", "")
    else:
        counts = _counts(run, then, arrays)
        changes = counts + now.changes(then)
        if not changes:
            return f"unchanged  {place.shown(data)}"
        word, note = "changed", f": {'; '.join(changes)}"
    try:
        _store(data, manifest, run, now)
    except OSError as error:
        raise AssertionError(
            f"golden tensors cannot be stored: {error.strerror}\n  {error.filename}"
        ) from None
    return f"{word:<9}  {place.shown(data)}{note}"


def _store(data: Path, manifest: Path, run: Run, now: Recorded) -> None:
    data.parent.mkdir(parents=True, exist_ok=True)
    files.write_all(
        files.Output(f"{data}:{t.name}", t.name, get_format(t.dtype), run.outputs[t.name])
        for t in run.kernel.tensors
        if t.role == "out"
    )
    part = manifest.with_name(f".{os.getpid()}.{manifest.name}")
    part.write_text(json.dumps(asdict(now), indent=2) + "\n", encoding="utf-8")
    part.replace(manifest)


def _paths(place: TestPlace, name: str) -> tuple[Path, Path]:
    if not re.fullmatch(r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]*", name):
        raise ValueError(f"golden name {name!r}: letters, digits and _ . = - only")
    return place.folder / f"{name}.npz", place.folder / f"{name}.json"


def _read(data: Path, manifest: Path) -> tuple[Recorded, dict[str, Array]]:
    """Manifest and arrays, each array checked against its hash."""
    for path in (data, manifest):
        if not path.is_file():
            raise _Damaged(f"{path.name} is missing")
    try:
        raw = json.loads(manifest.read_text(encoding="utf-8"))
        if raw.get("schema") != SCHEMA:
            raise _Damaged(f"{manifest.name} is not of schema {SCHEMA}")
        then = Recorded(**raw)
        if not all(isinstance(part, dict) for part in (then.params, then.inputs, then.tensors)):
            raise ValueError("params, inputs and tensors are objects")
        stored = {n: (t["dtype"], tuple(t["shape"]), t["sha256"]) for n, t in then.tensors.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise _Damaged(f"{manifest.name} is no manifest: {tensor.one_line(error)}") from None
    arrays = {}
    for name, (dtype, shape, digest) in stored.items():
        try:
            fmt = get_format(dtype)
            arrays[name] = files.read(f"{data}:{name}", fmt, shape, name)
            found = hashlib.sha256(tensor.to_bytes(arrays[name], fmt, shape, name).data)
        except (TensorError, ValueError) as error:
            text = tensor.one_line(error).replace(f" (file '{data}:{name}')", "")
            raise _Damaged(text) from None
        if found.hexdigest() != digest:
            raise _Damaged(
                f"tensor {name} has SHA-256 {found.hexdigest()[:16]}..., "
                f"{manifest.name} says {digest[:16]}..."
            )
    return then, arrays


def _compare(run: Run, now: Recorded, then: Recorded, arrays: Mapping[str, Array]) -> str:
    """All differences: outputs that only one side has, types, shapes, bits."""
    lines = []
    for name in sorted(set(now.tensors) ^ set(then.tensors)):
        lines.append(f"  output {name} is {'new' if name in now.tensors else 'gone'}")
    same = {}
    for name in (n for n in now.tensors if n in arrays):
        kind = [f"{t[name]['dtype']} {t[name]['shape']}" for t in (then.tensors, now.tensors)]
        if kind[0] == kind[1]:
            same[name] = arrays[name]
        else:
            lines.append(f"  output {name} was {kind[0]}, is {kind[1]}")
    found = differences(run, same) if same else None
    return "\n".join(lines + ([found] if found else []))


def _counts(run: Run, then: Recorded, arrays: Mapping[str, Array]) -> list[str]:
    """What changed in every tensor: elements that differ, or another type or shape."""
    found = []
    for name, entry in run.report["outputs"].items():
        if name not in arrays:
            found.append(f"{name} is new")
        elif (then.tensors[name]["dtype"], then.tensors[name]["shape"]) != (
            entry["dtype"], entry["shape"],
        ):  # fmt: skip
            found.append(f"{name} is now {entry['dtype']} {entry['shape']}")
        else:
            differ = bit_patterns(run.outputs[name]) != bit_patterns(arrays[name])
            if differ.any():
                found.append(f"{name} in {np.count_nonzero(differ)} of {differ.size} elements")
    return found + [f"{name} is gone" for name in arrays if name not in run.report["outputs"]]


def _plain(value: Any) -> str:
    return " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
