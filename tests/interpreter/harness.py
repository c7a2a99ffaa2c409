"""The same program on the interpreter and on the emulator, from the same inputs."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

import npuemu
from npuemu.asm.program import Program, Tensor
from tests.interpreter.run import Outcome, interpret

NUMPY = {
    "f32": np.float32,
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "s8": np.int8,
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "u32": np.uint32,
    "e2m1": np.uint8,
    "e8m0": np.uint8,
}
"""How the Python interface takes a tensor; e2m1 as one code an element."""


def random_bytes(tensor: Tensor, rng: np.random.Generator) -> bytes:
    """Any bits at all."""
    return rng.bytes(tensor.nbytes)


def as_array(tensor: Tensor, raw: bytes) -> Any:
    """A tensor's bytes as the Python interface takes them."""
    values = np.frombuffer(raw, NUMPY[tensor.dtype])
    if tensor.dtype == "e2m1":
        values = np.stack([values & 15, values >> 4], axis=-1)
    return values.reshape(tensor.shape)


def as_bytes(tensor: Tensor, values: Any) -> bytes:
    """The reverse of `as_array`."""
    values = np.asarray(values)
    if tensor.dtype == "e2m1":
        flat = values.reshape(-1).view(np.uint8)
        values = flat[::2] | flat[1::2] << 4
    assert values.size * values.dtype.itemsize == tensor.nbytes, tensor.name
    return bytes(values.tobytes())


def global_memory(program: Program, inputs: dict[str, bytes]) -> bytearray:
    """GM as a launch finds it."""
    gm = bytearray(b"\xff") * program.gm_bytes
    for name, raw in inputs.items():
        tensor = program.tensor(name)
        assert len(raw) == tensor.nbytes, name
        gm[tensor.address : tensor.address + tensor.nbytes] = raw
    return gm


def interpreted(program: Program, inputs: dict[str, bytes], seed: int = 0, **kw: Any) -> Outcome:
    """The interpreter's outcome."""
    gm = global_memory(program, inputs)
    return interpret(program, program.machine, gm, order_seed=seed, **kw)


def emulated(program: Program, inputs: dict[str, bytes]) -> npuemu.api.Run:
    """The emulator's run; random bits need not have been written before they are used."""
    arrays = {name: as_array(program.tensor(name), raw) for name, raw in inputs.items()}
    return npuemu.run(program, inputs=arrays, check=False)


def error_of(run: npuemu.api.Run) -> str | None:
    """The code that ended the emulator's run, or None."""
    return next((d["code"] for d in run.diagnostics if d["severity"] == "error"), None)


def tensor_bytes(program: Program, outcome: Outcome, name: str) -> bytes:
    """A tensor's bytes after the interpreter's run."""
    tensor = program.tensor(name)
    return bytes(outcome.gm[tensor.address : tensor.address + tensor.nbytes])


def differences(program: Program, inputs: dict[str, bytes], seed: int = 0) -> list[str]:
    """Where the interpreter and the emulator disagree: nothing, if they agree."""
    return compare(program, interpreted(program, inputs, seed), emulated(program, inputs))


def compare(program: Program, outcome: Outcome, run: npuemu.api.Run) -> list[str]:
    """Where two runs differ: in the error that ended them, or in outputs and warnings."""
    found = []
    if outcome.fault != error_of(run):
        found.append(f"interpreter {outcome.fault} at {outcome.fault_at}, {run.diagnostics}")
    if outcome.fault is not None:
        return found
    for tensor in program.tensors:
        if tensor.role == "out":
            mine = tensor_bytes(program, outcome, tensor.name)
            theirs = as_bytes(tensor, run.outputs[tensor.name])
            if mine != theirs:
                at = next(i for i, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b)
                pieces = mine[at : at + 8].hex(), theirs[at : at + 8].hex()
                found.append(f"{tensor.name} byte {at}: interpreter, emulator {pieces}")
    reported = {d["code"] for d in run.diagnostics}
    flags = {"W120": outcome.int32_wraps, "W121": outcome.flags, "W122": outcome.counters}
    for code, mine_has in flags.items():
        if bool(mine_has) != (code in reported):
            found.append(f"{code}: interpreter {mine_has}, {run.diagnostics}")
    return found
