"""Section 1: effective bits of activations in few bits, and the worst error of the two splits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from npuemu.formats import activations
from npuemu.formats.activations import Blocks, Rows, block_units, row_units
from npuemu.reproduce import claims, encoder, values
from npuemu.reproduce.claims import Claim, Limit
from npuemu.reproduce.rows import Curve, Found, Plot, Row, Section, Step

F32Array = npt.NDArray[np.float32]
F64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scheme:
    """A way to write activations in few bits, and what the paper says of it."""

    name: str
    convert: Callable[[F32Array], Rows | Blocks]
    units: Callable[[F32Array], F64Array]
    block: int
    claim: Claim | None = None


INT8_SPLIT = Scheme("INT8 split, two parts", activations.split_int8, row_units, 1, claims.INT8_BITS)
MXFP4_SPLIT = Scheme(
    "MXFP4 split, two parts", activations.split_mxfp4, block_units, 32, claims.MXFP4_BITS
)
MXFP8 = Scheme("MXFP8, one pass", activations.quantize_mxfp8, block_units, 32, claims.MXFP8_BITS)
SCHEMES = (
    INT8_SPLIT,
    MXFP4_SPLIT,
    MXFP8,
    Scheme("INT8, one pass", activations.quantize_int8, row_units, 1),
    Scheme("MXFP4, one pass", activations.quantize_mxfp4, block_units, 32),
)
REAL = "sentence encoder"
PLOT = Plot("bits", "Effective bits of an activation", "distribution", "-log2 relative L2 error")


@dataclass
class Sums:
    """What errors add up to, over chunks."""

    noise: float = 0.0
    signal: float = 0.0
    worst: float = 0.0
    count: int = 0

    def add(self, scheme: Scheme, chunk: F32Array) -> None:
        """Take in float32 values [rows, K]."""
        restored = scheme.convert(chunk).values()
        noise, signal, worst = activations.error(chunk, restored, scheme.units(chunk))
        self.noise, self.signal = self.noise + noise, self.signal + signal
        self.worst, self.count = max(self.worst, worst), self.count + chunk.size

    @property
    def bits(self) -> float:
        """Effective bits: -log2 of the relative L2 error."""
        return -0.5 * math.log2(self.noise / self.signal)


def bf16_cases(rows: int) -> Iterator[F32Array]:
    """bf16 rows: all of them up to a power of two, at extreme exponents too; midpoints; any bits.

    ``rows``: how many of the last two kinds.
    """
    for exponent in (0, 126, 127, -99, -100, -101, -110, -124):
        yield values.every_bf16_row(exponent)
    for chunk in float32_cases(rows):
        yield values.bf16(np.clip(chunk, -values.LARGEST, values.LARGEST))


def float32_cases(rows: int) -> Iterator[F32Array]:
    """float32 rows around the places where int8 codes change, and of any bits."""
    for seed in range(-(-rows // 4096)):
        yield values.near_midpoints(4096, seed)
        yield values.any_bits(4096, seed)


def mx_cases(rows: int) -> Iterator[F32Array]:
    """Rows made to be worst cases of the MXFP4 split, bf16 and float32."""
    for exponent in (0, 126, 127, -99, -122, -124):
        yield values.every_bf16_row(exponent)
    for seed in range(-(-rows // 4096)):
        yield values.near_mx_midpoints(4096, seed)
        yield values.any_bits(4096, seed)


@dataclass(frozen=True)
class Bound:
    """A limit on the error of one value in units of M or alpha, and the cases that test it.

    slack: what arithmetic may add to the limit; drawn: the drawn values count as well, and the
    paper's figure is for such values.
    """

    title: str
    scheme: Scheme
    limit: Limit
    unit: str
    slack: float
    cases: Callable[[int], Iterator[F32Array]]
    drawn: bool
    remark: str

    def row(self, sums: Sums) -> Row:
        """The largest error against the limit; what float64 may hide is below 2**-50."""
        ratio = sums.worst / self.limit.most
        kept = ratio <= 1.0 if self.slack == 1.0 else ratio * (1 + 2.0**-50) <= self.slack
        beyond = f" x (1 + 2^{math.log2(ratio - 1):.1f})" if ratio > 1 else ""
        ours = f"{self.unit}{beyond}" if ratio >= 1 else f"{ratio:.6f} x {self.unit}"
        return Row(
            self.title, self.limit.printed if self.drawn else "", ours,
            f"{sums.count:,} values; {self.remark}", kept if self.drawn else None, ratio, kept,
        )  # fmt: skip


BOUNDS = (
    Bound(
        "largest error, INT8 split of bf16 values", INT8_SPLIT, claims.INT8_BOUND, "M/64516",
        1 + 2.0**-17, bf16_cases, True, "every bf16 case; float32 arithmetic may add 2^-17",
    ),
    Bound(
        "largest error, INT8 split of float32 values", INT8_SPLIT, claims.INT8_BOUND, "M/64516",
        1 + 2.0**-15, float32_cases, False,
        "midpoints, any bits; two roundings of up to 2^-17 and 2^-18 steps may add 2^-15",
    ),
    Bound(
        "largest error, MXFP4 split", MXFP4_SPLIT, claims.MXFP4_BOUND, "alpha/64",
        1.0, mx_cases, True, "exact; midpoints under every alpha, any bits",
    ),
)  # fmt: skip


@dataclass
class Bits:
    """The section's state: the worst errors that every step has seen, by scheme.

    drawn: how many values are drawn in all, over the distributions; awkward: how many rows of each
    kind are made to be worst cases.
    """

    drawn: int
    awkward: int
    worst: dict[str, Sums] = field(default_factory=dict)
    bits: dict[tuple[str, str], float] = field(default_factory=dict)

    def section(self) -> Section:
        """Distributions, the real network, worst cases, and what follows from them."""
        steps = [
            Step(f"effective bits: {d.title}", partial(self.drawn_values, d))
            for d in values.DISTRIBUTIONS
        ]
        steps.append(Step("effective bits: a real network", self.real_values))
        steps.append(Step("worst errors", self.bounds))
        remark = (
            "Effective bits are -log2 of the relative L2 error; activations are bf16. They depend "
            "on the distribution, and int8's on the length of a row too."
        )
        return Section("Activations in few bits", remark, tuple(steps), (PLOT,))

    def drawn_values(self, distribution: values.Distribution) -> Found:
        """One distribution in every scheme."""
        chunks = distribution.chunks(self.drawn // len(values.DISTRIBUTIONS))
        sums = self._measure(SCHEMES, chunks)
        count = sums[INT8_SPLIT.name].count
        rows = [
            self._row(s, sums[s.name], distribution.title, f"{count:,} values") for s in SCHEMES
        ]
        if distribution.k == values.DISTRIBUTIONS[0].k:
            rows.append(self._gain(distribution.title))
        return Found(rows, self._points(distribution.title))

    def real_values(self) -> Found:
        """What enters the linear layers of a sentence encoder."""
        seen = encoder.activations()
        if seen is None:
            what = ", ".join(s.name for s in SCHEMES)
            row = Row(f"effective bits, {REAL}: {what}", "", "-", encoder.MISSING, missing=True)
            return Found([row])
        layers = [values.bf16(x) for x in seen.values()]
        sums = self._measure(SCHEMES, layers)
        count = sums[INT8_SPLIT.name].count
        where = f"{len(layers)} linear layers of all-MiniLM-L6-v2, {count:,} values"
        return Found([self._row(s, sums[s.name], REAL, where) for s in SCHEMES], self._points(REAL))

    def bounds(self) -> Found:
        """The bounds, over everything drawn and over values that are made to break them."""
        rows = []
        for bound in BOUNDS:
            sums = self._measure((bound.scheme,), bound.cases(self.awkward))[bound.scheme.name]
            if bound.drawn:
                sums = self.worst[bound.scheme.name]
            rows.append(bound.row(sums))
        return Found(rows)

    def _measure(self, schemes: Iterable[Scheme], chunks: Iterable[F32Array]) -> dict[str, Sums]:
        """Sums of some chunks by scheme; the worst errors are kept as well."""
        listed = tuple(schemes)
        sums = {scheme.name: Sums() for scheme in listed}
        for chunk in chunks:
            for scheme in listed:
                sums[scheme.name].add(scheme, chunk)
        for name, found in sums.items():
            kept = self.worst.setdefault(name, Sums())
            kept.worst, kept.count = max(kept.worst, found.worst), kept.count + found.count
        return sums

    def _row(self, scheme: Scheme, sums: Sums, title: str, where: str) -> Row:
        bits = self.bits[scheme.name, title] = sums.bits
        claim = scheme.claim
        return Row(
            f"effective bits, {title}: {scheme.name}", claim.printed if claim else "",
            f"{bits:.2f}", where, claim.agrees(bits) if claim else None, bits,
        )  # fmt: skip

    def _gain(self, title: str) -> Row:
        """Two MXFP4 passes against one MXFP8 pass, on the same values."""
        gain = self.bits[MXFP4_SPLIT.name, title] - self.bits[MXFP8.name, title]
        claim = claims.MXFP4_GAIN
        where = "the paper's 6.6 and 5.24 are of different distributions"
        return Row(
            f"bits that two MXFP4 passes gain over one MXFP8 pass, {title}", claim.printed,
            f"{gain:.2f}", where, claim.agrees(gain), gain,
        )  # fmt: skip

    def _points(self, title: str) -> list[Curve]:
        return [Curve(PLOT.key, s.name, ((title, self.bits[s.name, title]),)) for s in SCHEMES]
