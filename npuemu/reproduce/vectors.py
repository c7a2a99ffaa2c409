"""Section 1, continued: the vector programs give the same bits as the formats' own functions, which
did the bulk of the measuring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from npuemu import api
from npuemu.formats import activations
from npuemu.formats.activations import Blocks, Rows
from npuemu.formats.quantize import BLOCK
from npuemu.reproduce import values
from npuemu.reproduce.gemm import available
from npuemu.reproduce.rows import Found, Row, Section, Step, Tell

Array = npt.NDArray[Any]
F32Array = npt.NDArray[np.float32]

K = 256


@dataclass(frozen=True)
class Pair:
    """A vector program and the function of `npuemu.formats.activations` with the same definition.

    parts: the program's output tensors, and what holds the same in the function's result.
    """

    kernel: str
    convert: Callable[[F32Array], Rows | Blocks]
    parts: Mapping[str, str]


PAIRS = (
    Pair("quantize_int8", activations.quantize_int8, {"codes": "codes", "scale": "scales"}),
    Pair("quantize_int8_msd", activations.split_int8, {"h": "codes", "l": "low", "s2": "scales"}),
    Pair("quantize_mxfp4", activations.quantize_mxfp4, {"Q": "codes", "Q_scale": "scales"}),
    Pair(
        "quantize_mxfp4_msd", activations.split_mxfp4,
        {"High": "codes", "High_scale": "scales", "Low": "low", "Low_scale": "low_scales"},
    ),
    Pair("quantize_mxfp8", activations.quantize_mxfp8, {"Q": "codes", "Q_scale": "scales"}),
)  # fmt: skip


@dataclass(frozen=True)
class Confirmed:
    """The section: how many rows of each kind of value the programs convert."""

    rows: int
    tell: Tell | None = None

    def section(self, pairs: Sequence[Pair] = PAIRS) -> Section:
        """One step a program."""
        steps = tuple(Step(f"bits of {p.kernel}", partial(self.confirm, p)) for p in pairs)
        remark = (
            "Each program converts drawn rows, rows around the places where codes change, rows of "
            "any bits, and rows with NaN and Inf. Every bit is compared that has a meaning: not "
            "codes under a NaN scale, nor the sign of a second part that is zero."
        )
        return Section("Vector programs against the formats' functions", remark, steps)

    def sample(self) -> F32Array:
        """bf16 rows of every kind, float32 [rows, 256]."""
        kinds = [
            draw(values.generator(f"confirm {draw.__name__}"), self.rows, K)
            for draw in (values.uniform, values.normal, values.outlier_channels)
        ]
        kinds += [values.near_midpoints(self.rows, 0), values.near_mx_midpoints(self.rows, 0)]
        kinds.append(np.clip(values.any_bits(self.rows, 0), -values.LARGEST, values.LARGEST))
        special = values.normal(values.generator("special"), 6, K)
        special[0], special[1] = 0.0, -0.0
        special[2, 5], special[3, 77], special[4, 255] = np.nan, np.inf, -np.inf
        special[5, 32:64] = 2.0**-133
        return values.bf16(np.concatenate([*kinds, special]))

    def confirm(self, pair: Pair) -> Found:
        """One program on all of its machines."""
        claim = f"{pair.kernel} on the emulator"
        if not available(pair.kernel):
            missing = f"{pair.kernel} is not among the bundled kernels"
            return Found([Row(claim, "", "-", missing, missing=True)])
        sample = self.sample()
        machines = next(i.machines for i in api.list_kernels() if i.name == pair.kernel)
        found = [(name, self._difference(pair, name, sample)) for name in machines]
        wrong = [f"{name}: {text}" for name, text in found if text]
        where = f"{sample.size:,} values on {', '.join(machines)}"
        ours = "bits differ" if wrong else "equal bits"
        where += f"; {'; '.join(wrong)}" if wrong else ""
        return Found([Row(claim, "", ours, where, sound=not wrong)])

    def _difference(self, pair: Pair, machine: str, sample: F32Array) -> str | None:
        """What differs on a machine, in words; None if every bit agrees."""
        program = api.load(pair.kernel, machine=machine, M=len(sample), K=K)
        inputs = {"A": sample.astype(ml_dtypes.bfloat16)}
        run = api.run(program, inputs=inputs, mode="numbers", progress=self._say)
        if not run.ok:
            return "; ".join(d["message"] for d in run.diagnostics)
        if set(run.outputs) != set(pair.parts):
            return f"its outputs are {', '.join(run.outputs)}, not {', '.join(pair.parts)}"
        ours = pair.convert(sample)
        usable = usable_codes(ours)
        for tensor, part in pair.parts.items():
            theirs, mine = (
                meant(raw(codes), ours, part)
                for codes in (run.outputs[tensor], getattr(ours, part))
            )
            if theirs.shape != mine.shape:
                return f"{tensor} is {list(theirs.shape)}, not {list(mine.shape)}"
            differ = theirs != mine
            if mine.shape == usable.shape:
                differ &= usable
            if differ.any():
                at = tuple(int(i) for i in np.argwhere(differ)[0])
                return f"{differ.sum()} of {tensor} differ, first {list(at)}: {theirs[at]:#x}"
        return None

    def _say(self, event: dict[str, Any]) -> None:
        if self.tell is not None and "text" in event:
            self.tell({"text": event["text"]})


def raw(array: Array) -> Array:
    """The codes of an array as unsigned integers of their width."""
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}").reshape(array.shape)


def meant(codes: Array, found: Rows | Blocks, part: str) -> Array:
    """Codes with one zero only in the second part of MX: a rest that is too small for any step is
    zero, and whether its sign survives depends on where it underflows; no product sees it.
    """
    if part == "low" and isinstance(found, Blocks):
        return np.where(codes == 8, np.uint8(0), codes)
    return codes


def usable_codes(found: Rows | Blocks) -> npt.NDArray[np.bool_]:
    """Where codes mean something: not in rows or blocks whose scale is NaN."""
    if isinstance(found, Rows):
        return np.broadcast_to(~np.isnan(found.scales)[:, None], found.codes.shape)
    return np.repeat(found.scales != 255, BLOCK, axis=1)
