"""Section 2: relative L2 error of every GEMM kernel against float64, before and after the output's
rounding to bf16. The outputs are emulated; each must equal the kernel's definition bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import ml_dtypes
import numpy as np
import numpy.typing as npt

from npuemu import api
from npuemu.formats import activations, quantize
from npuemu.reproduce import values
from npuemu.reproduce.rows import Curve, Found, Plot, Row, Section, Step, Tell
from npuemu.verify import compare, load_golden

Array = npt.NDArray[Any]
F32Array = npt.NDArray[np.float32]
Weight = Literal["bf16", "int8", "mxfp4"]

DRAWN: dict[str, Callable[[np.random.Generator, int, int], F32Array]] = {
    "normal": values.normal,
    "outlier channels": values.outlier_channels,
}


@dataclass(frozen=True)
class Gemm:
    """A GEMM kernel: what its weight is stored in, whether A comes to it as MXFP4 codes, and how
    many experts share the rows of A, each with a weight of its own (0: a plain GEMM).
    """

    kernel: str
    weight: Weight
    what: str
    coded: bool = False
    experts: int = 0


GEMMS = (
    Gemm("gemm_bf16", "bf16", "bf16 throughout"),
    Gemm("gemm_w8a16_dequant", "int8", "scaled weight rounded to bf16"),
    Gemm("gemm_w8a16_lift", "int8", "weight lifted unscaled, scale on the way out"),
    Gemm("gemm_w8a16_msd", "int8", "A split into two int8 parts"),
    Gemm("gemm_w8a8", "int8", "A in one int8 part"),
    Gemm("gemm_w8a8_grouped", "int8", "the same for four experts", experts=4),
    Gemm("gemm_w4a16_lift", "mxfp4", "weight lifted to bf16"),
    Gemm("gemm_w4a16_msd", "mxfp4", "A split into two MXFP4 parts"),
    Gemm("gemm_w4a8", "mxfp4", "A in one MXFP8 part"),
    Gemm("gemm_mxfp4", "mxfp4", "A in one MXFP4 part", coded=True),
)
PLOTS = (
    Plot("gemm before", "GEMM error before the output's rounding", "K", "relative L2 error",
         log_x=True, log_y=True),
    Plot("gemm after", "GEMM error of the bf16 output", "K", "relative L2 error",
         log_x=True, log_y=True),
)  # fmt: skip
ROW_K = 4096
"""The length whose errors stand in the table; the others are in the plots and the range."""


@dataclass(frozen=True)
class Errors:
    """Relative L2 errors of one run; ``before`` is None where the definition does not tell."""

    k: int
    machine: str
    before: float | None
    after: float
    difference: str | None

    @property
    def text(self) -> str:
        """``3.43e-05 -> 1.70e-03``."""
        return f"{'-' if self.before is None else f'{self.before:.2e}'} -> {self.after:.2e}"


@dataclass(frozen=True)
class GemmErrors:
    """The section: rows and columns of C, and the lengths K."""

    m: int
    n: int
    lengths: tuple[int, ...]
    tell: Tell | None = None

    def section(self, kernels: Sequence[Gemm] = GEMMS) -> Section:
        """One step a kernel and distribution of A."""
        steps = tuple(
            Step(f"GEMM error: {gemm.kernel}, {name}", partial(self.rows, gemm, name))
            for name in DRAWN
            for gemm in kernels
        )
        remark = (
            "Before -> after the output's rounding to bf16, against the float64 product of the "
            "bf16 A and the stored weight. Weights are normal, quantised beforehand."
        )
        return Section("GEMM error, emulated", remark, steps, PLOTS)

    def rows(self, gemm: Gemm, name: str) -> Found:
        """All lengths of one kernel with A drawn from distribution ``name``."""
        claim = f"{gemm.kernel}, A {name}: {gemm.what}"
        if not available(gemm.kernel):
            missing = f"{gemm.kernel} is not among the bundled kernels"
            return Found([Row(claim, "", "-", missing, missing=True)])
        found = [self.measure(gemm, name, k) for k in self.lengths]
        shown = next((e for e in found if e.k == ROW_K), found[-1])
        where = f"K = {shown.k}, M = {self.m}, N = {self.n} on {shown.machine}"
        others = "; ".join(f"{e.k}: {e.text}" for e in found if e is not shown)
        where += f"; K = {others}" if others else ""
        different = [f"K = {e.k}: {e.difference}" for e in found if e.difference]
        where += f"; NOT AS DEFINED: {different[0]}" if different else "; bits as defined"
        row = Row(claim, "", shown.text, where, None, shown.after, not different)
        return Found([row], self._curves(gemm, name, found))

    def _curves(self, gemm: Gemm, name: str, found: Sequence[Errors]) -> list[Curve]:
        if name != "normal":
            return []
        after = tuple((float(e.k), e.after) for e in found)
        before = tuple((float(e.k), e.before) for e in found if e.before is not None)
        curves = [Curve(PLOTS[1].key, gemm.kernel, after)]
        return [Curve(PLOTS[0].key, gemm.kernel, before), *curves] if before else curves

    def measure(self, gemm: Gemm, name: str, k: int) -> Errors:
        """Emulate one product and compare it with float64 and with the kernel's definition."""
        inputs, exact = problem(gemm, name, self.m, self.n, k)
        params = {"M": self.m, "N": self.n, "K": k}
        if gemm.experts:
            params["G"] = gemm.experts
        program = api.load(gemm.kernel, machine=None, blocks=None, **params)
        run = api.run(program, inputs=inputs, mode="numbers", progress=self._say)
        golden = load_golden(gemm.kernel)
        before, expected = None, None
        if golden.unrounded is not None:
            wide = golden.unrounded(dict(inputs), dict(program.params))["C"]
            before, expected = relative(wide, exact), {"C": wide.astype(ml_dtypes.bfloat16)}
        else:
            expected = golden.golden(dict(inputs), dict(program.params))
        difference = compare(run.outputs, expected)
        if not run.ok:
            difference = "; ".join(d["message"] for d in run.diagnostics)
        return Errors(k, program.machine, before, relative(run.outputs["C"], exact), difference)

    def _say(self, event: dict[str, Any]) -> None:
        """What is being compiled is said; the cycles of a single run are not."""
        if self.tell is not None and "text" in event:
            self.tell({"text": event["text"]})


def available(kernel: str) -> bool:
    """Whether a kernel is bundled."""
    return any(info.name == kernel for info in api.list_kernels())


def relative(actual: Array, exact: npt.NDArray[np.float64]) -> float:
    """||actual - exact|| / ||exact|| in float64."""
    return float(np.linalg.norm(actual.astype(np.float64) - exact) / np.linalg.norm(exact))


def problem(
    gemm: Gemm, name: str, m: int, n: int, k: int
) -> tuple[dict[str, Array], npt.NDArray[np.float64]]:
    """A kernel's inputs, and the float64 product of the bf16 A and the stored weight."""
    rng = values.generator(f"gemm {name}", k)
    a = values.bf16(DRAWN[name](rng, m, k))
    if gemm.experts:
        return _grouped(gemm, a, [values.normal(rng, n, k) for _ in range(gemm.experts)])
    tensors, stored = _weight(gemm.weight, values.normal(rng, n, k))
    if gemm.coded:
        codes = activations.quantize_mxfp4(a)
        tensors |= {"A": codes.codes, "A_scale": codes.scales}
    else:
        tensors["A"] = a.astype(ml_dtypes.bfloat16)
    return tensors, a.astype(np.float64) @ stored.T


def _grouped(
    gemm: Gemm, a: F32Array, weights: Sequence[F32Array]
) -> tuple[dict[str, Array], npt.NDArray[np.float64]]:
    """The rows of A dealt out to experts evenly; the first ones get what is left over."""
    sizes = [len(part) for part in np.array_split(a, gemm.experts)]
    found = [_weight(gemm.weight, weight) for weight in weights]
    tensors = {name: np.stack([t[name] for t, _ in found]) for name in found[0][0]}
    tensors |= {"A": a.astype(ml_dtypes.bfloat16), "group_sizes": np.array(sizes, np.int32)}
    rows = np.split(a.astype(np.float64), np.cumsum(sizes)[:-1])
    return tensors, np.concatenate([r @ w.T for r, (_, w) in zip(rows, found, strict=True)])


def _weight(kind: Weight, weight: F32Array) -> tuple[dict[str, Array], npt.NDArray[np.float64]]:
    """Tensors of a stored weight [N, K], and its values in float64."""
    if kind == "bf16":
        rounded = values.bf16(weight)
        return {"W": rounded.astype(ml_dtypes.bfloat16)}, rounded.astype(np.float64)
    if kind == "int8":
        codes, scale = quantize.quantize_int8(weight)
        return {"W": codes, "w_scale": scale}, codes.astype(np.float64) * scale[:, None].astype(
            np.float64
        )
    fours, scales = quantize.quantize_mxfp4(weight, scale_rule="even", rounding="rint")
    stored = quantize.dequantize_mxfp4(fours, scales).astype(np.float64)
    return {"W": fours, "W_scale": scales}, stored
