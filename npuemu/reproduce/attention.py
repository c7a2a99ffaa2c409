"""Sections 2 and 4 for attention: error against float64 over the length of the cache, and the bytes
of the cache that decoding moves through global memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from npuemu import api
from npuemu.formats import quantize
from npuemu.reproduce import claims, values
from npuemu.reproduce.gemm import available, relative
from npuemu.reproduce.rows import Curve, Found, Plot, Row, Section, Step, Tell
from npuemu.verify import compare, load_golden

Array = npt.NDArray[Any]
F64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Attention:
    """An attention kernel: whether its cache is int8, and what it does with it."""

    kernel: str
    int8: bool
    what: str


@dataclass(frozen=True)
class Decode:
    """A way to decode: kernel and parameters, and the paper's bytes a cached byte, if any."""

    kernel: str
    what: str
    params: Mapping[str, int] = field(default_factory=dict)
    claim: claims.Ratio | None = None


ATTENTIONS = (
    Attention("attn_bf16", False, "bf16 cache"),
    Attention("attn_kv8_dequant", True, "scaled int8 cache rounded to bf16"),
    Attention("attn_kv8_lift", True, "int8 cache lifted unscaled"),
    Attention("attn_kv8_msd", True, "Q and P split into two int8 parts"),
)
SPLIT = Decode("attn_kv8_msd", "cache loaded for each pass", {"RESIDENT": 0}, claims.MSD_TRAFFIC)
DEQUANT = Decode("attn_kv8_dequant", "cache dequantised", claim=claims.DEQUANT_TRAFFIC)
DECODES = (
    DEQUANT,
    Decode("attn_kv8_lift", "cache lifted"),
    SPLIT,
    Decode("attn_kv8_msd", "cache resident for both passes", {"RESIDENT": 1}),
)
CACHE = ("K", "V", "K8", "V8", "lifted_k", "lifted_v")
"""Tensors that hold keys or values: the cache, and its bf16 form where that passes through GM."""
MACHINES = ("ascend910b1", "ascend950pr")
PLOTS = (
    Plot("attention before", "Attention error before the output's rounding", "cached keys",
         "relative L2 error", log_x=True, log_y=True),
    Plot("attention after", "Attention error of the bf16 output", "cached keys",
         "relative L2 error", log_x=True, log_y=True),
)  # fmt: skip
DEPTH, QUERIES, GROUP = 128, 2, 8
"""Head dimension, queries, and query heads that share a KV head."""


@dataclass(frozen=True)
class AttentionErrors:
    """The error section: lengths of the cache; the one in the table is the largest up to 4096."""

    lengths: tuple[int, ...]
    tell: Tell | None = None

    def section(self, kernels: Sequence[Attention] = ATTENTIONS) -> Section:
        """One step a kernel."""
        steps = tuple(Step(f"attention error: {a.kernel}", partial(self.rows, a)) for a in kernels)
        remark = (
            "Before -> after the output's rounding to bf16, against float64 attention over the "
            f"stored cache. {QUERIES * GROUP} rows, head dimension {DEPTH}, normal Q, K and V; the "
            "int8 cache has a scale a channel."
        )
        return Section("Attention error, emulated", remark, steps, PLOTS)

    def rows(self, attention: Attention) -> Found:
        """All lengths of one kernel."""
        claim = f"{attention.kernel}: {attention.what}"
        if not available(attention.kernel):
            missing = f"{attention.kernel} is not among the bundled kernels"
            return Found([Row(claim, "", "-", missing, missing=True)])
        before: dict[int, float] = {}
        after: dict[int, float] = {}
        wrong = []
        for length in self.lengths:
            first, second, difference = self.measure(attention, length)
            after[length] = second
            if first is not None:
                before[length] = first
            if difference:
                wrong.append(f"KV = {length}: {difference}")
        texts = {
            n: f"{f'{before[n]:.2e}' if n in before else '-'} -> {after[n]:.2e}" for n in after
        }
        shown = max((n for n in after if n <= 4096), default=self.lengths[0])
        others = "; ".join(f"{n}: {text}" for n, text in texts.items() if n != shown)
        where = f"KV = {shown}; KV = {others}; " if others else f"KV = {shown}; "
        where += f"NOT AS DEFINED: {wrong[0]}" if wrong else "bits as defined"
        row = Row(claim, "", texts[shown], where, None, after[shown], not wrong)
        curves = [
            Curve(plot.key, attention.kernel, tuple((float(n), e) for n, e in found.items()))
            for plot, found in zip(PLOTS, (before, after), strict=True)
            if found
        ]
        return Found([row], curves)

    def measure(self, attention: Attention, length: int) -> tuple[float | None, float, str | None]:
        """(error before, error after the last rounding, what differs from the definition)."""
        inputs, exact = problem(attention, length)
        params = {"H": 1, "NQ": QUERIES, "G": GROUP, "KV": length, "D": DEPTH}
        program = api.load(attention.kernel, machine=None, blocks=None, **params)
        run = api.run(program, inputs=inputs, mode="numbers", progress=self._say)
        golden = load_golden(attention.kernel)
        before = None
        if golden.unrounded is not None:
            wide = golden.unrounded(dict(inputs), dict(program.params))["O"]
            before, expected = relative(wide, exact), {"O": wide.astype(ml_dtypes.bfloat16)}
        else:
            expected = golden.golden(dict(inputs), dict(program.params))
        difference = compare(run.outputs, expected)
        if not run.ok:
            difference = "; ".join(d["message"] for d in run.diagnostics)
        return before, relative(run.outputs["O"], exact), difference

    def _say(self, event: dict[str, Any]) -> None:
        if self.tell is not None and "text" in event:
            self.tell({"text": event["text"]})


def problem(attention: Attention, length: int) -> tuple[dict[str, Array], F64Array]:
    """A kernel's inputs, and float64 attention over the stored cache [1, NQ, G, D]."""
    rng = values.generator("attention", length)
    q = values.bf16(values.normal(rng, QUERIES * GROUP, DEPTH))
    shape = (1, QUERIES, GROUP, DEPTH)
    inputs: dict[str, Array] = {
        "Q": q.reshape(shape).astype(ml_dtypes.bfloat16),
        "kv_len": np.array([length], np.int32),
    }
    stored = []
    for name in ("K", "V"):
        drawn = values.normal(rng, length, DEPTH)
        if attention.int8:
            codes, scale = quantize.quantize_int8(np.ascontiguousarray(drawn.T))
            inputs |= {f"{name}8": codes.T[None].copy(), f"{name.lower()}_scale": scale[None]}
            stored.append(codes.T.astype(np.float64) * scale.astype(np.float64)[None, :])
        else:
            rounded = values.bf16(drawn)
            inputs[name] = rounded.astype(ml_dtypes.bfloat16)[None]
            stored.append(rounded.astype(np.float64))
    scores = q.astype(np.float64) @ stored[0].T / np.sqrt(float(DEPTH))
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    exact = (weights / weights.sum(axis=1, keepdims=True)) @ stored[1]
    return inputs, exact.reshape(shape)


@dataclass
class CacheTraffic:
    """The traffic section: one query against a cache of ``length`` keys, in timing mode."""

    length: int
    found: dict[tuple[str, str], float] = field(default_factory=dict)

    def section(self) -> Section:
        """One step a machine and way to decode, and the paper's ratio."""
        steps = []
        for machine in MACHINES:
            for decode in DECODES:
                title = f"cache traffic: {decode.kernel}, {machine}"
                steps.append(Step(title, partial(self.measure, machine, decode)))
            steps.append(Step(f"cache traffic: ratio, {machine}", partial(self.ratio, machine)))
        remark = (
            "Bytes of keys and values, and of their bf16 form where it passes through GM, read "
            f"and written, over the bytes of the int8 cache. One query, {GROUP} heads that share "
            f"it, {self.length:,} keys of {DEPTH}."
        )
        return Section("Cache traffic in decoding, emulated", remark, tuple(steps))

    def measure(self, machine: str, decode: Decode) -> Found:
        """One way to decode on one machine."""
        claim = f"bytes moved a byte of int8 cache, {machine}: {decode.kernel}, {decode.what}"
        paper = decode.claim.printed if decode.claim else ""
        machines = [i.machines for i in api.list_kernels() if i.name == decode.kernel]
        if not machines or machine not in machines[0]:
            where = f"no {decode.kernel} for {machine}"
            return Found([Row(claim, paper, "-", where, missing=True)])
        params = {"H": 1, "NQ": 1, "G": GROUP, "KV": self.length, "D": DEPTH, **decode.params}
        program = api.load(decode.kernel, machine=machine, blocks=None, **params)
        lengths = {"kv_len": np.array([self.length], np.int32)}
        run = api.run(program, inputs=lengths, mode="timing", check=False)
        tensors = run.report["traffic"]["tensors"]
        moved = {n: t["read"] + t["write"] for n, t in tensors.items() if n in CACHE}
        ratio = self.found[machine, decode.what] = sum(moved.values()) / (2 * self.length * DEPTH)
        texts = ", ".join(f"{name} {count:,}" for name, count in moved.items())
        where = f"bytes: {texts}; {run.cycles:,} cycles"
        agrees = decode.claim.agrees(ratio) if decode.claim else None
        sound = None if run.ok else False
        return Found([Row(claim, paper, f"{ratio:.2f}", where, agrees, ratio, sound)])

    def ratio(self, machine: str) -> Found:
        """The paper's sentence on the cache's traffic."""
        claim = f"cache traffic of dequantising over that of splitting, {machine}"
        paper = claims.CACHE_RATIO.printed
        pair = [self.found.get((machine, decode.what)) for decode in (DEQUANT, SPLIT)]
        if pair[0] is None or pair[1] is None:
            return Found([Row(claim, paper, "-", "a kernel is not there", missing=True)])
        ratio = pair[0] / pair[1]
        where = "both as measured above"
        return Found(
            [Row(claim, paper, f"{ratio:.2f}", where, claims.CACHE_RATIO.agrees(ratio), ratio)]
        )
