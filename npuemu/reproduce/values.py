"""Activations to measure on: drawn ones of several distributions, and ones made to be worst cases.

All are ``float32`` arrays [rows, K]; drawn ones are rounded to bf16, as activations are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from npuemu.formats.arrays import round_to
from npuemu.formats.format import BF16

F32Array = npt.NDArray[np.float32]

CHUNK = 1 << 20  # values of a chunk: what is made of them stays small
OUTLIERS, FACTOR = 8, 50
LARGEST = np.float32(2.0**128 - 2.0**120)  # of bf16


def generator(name: str, seed: int = 0) -> np.random.Generator:
    """Random numbers of their own for every use, the same on every host."""
    digest = hashlib.sha256(f"{name}:{seed}".encode()).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest[:8], "little")))


def bf16(values: npt.NDArray[np.floating]) -> F32Array:
    """Values rounded to bf16, as float32."""
    return np.asarray(round_to(BF16, values.astype(np.float32)), np.float32)


def uniform(rng: np.random.Generator, rows: int, k: int) -> F32Array:
    """Uniform in -1 .. 1."""
    return rng.random((rows, k), np.float32) * np.float32(2) - np.float32(1)


def normal(rng: np.random.Generator, rows: int, k: int) -> F32Array:
    """Standard normal."""
    return rng.standard_normal((rows, k), np.float32)


def outlier_channels(rng: np.random.Generator, rows: int, k: int) -> F32Array:
    """Standard normal, eight channels (evenly spaced columns) 50 times larger."""
    values = normal(rng, rows, k)
    values[:, :: max(1, k // OUTLIERS)] *= np.float32(FACTOR)
    return values


@dataclass(frozen=True)
class Distribution:
    """Drawn activations: rows of ``k`` values."""

    name: str
    k: int
    draw: Callable[[np.random.Generator, int, int], F32Array]

    @property
    def title(self) -> str:
        """Name and row length."""
        return f"{self.name}, rows of {self.k:,}"

    def chunks(self, count: int) -> Iterator[F32Array]:
        """At least ``count`` bf16 values, in chunks."""
        rng = generator(self.title)
        for start in range(0, count, CHUNK):
            rows = -(-min(CHUNK, count - start) // self.k)
            yield bf16(self.draw(rng, rows, self.k))


DISTRIBUTIONS = (
    Distribution("uniform", 32, uniform),
    Distribution("normal", 32, normal),
    Distribution("normal", 4096, normal),
    Distribution("outlier channels", 4096, outlier_channels),
)


def every_bf16_row(exponent: int) -> F32Array:
    """Rows with every bf16 value down to 2**-24 M under every bf16 mantissa of M, M in 2**exponent
    .. 2**(exponent + 1).

    Scaling by a power of two changes no code, so one exponent stands for all but the extreme ones.
    """
    patterns = np.arange(0x3380, 0x4000, dtype=np.uint32) << 16  # 2**-24 .. 2
    values = patterns.view(np.float32)
    largest = values[-128:]
    rows = np.minimum(values[None, :], largest[:, None])
    rows = np.concatenate([rows, -rows], axis=1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 32)))
    return bf16(np.ldexp(rows.astype(np.float64), exponent))


def near_midpoints(rows: int, seed: int) -> F32Array:
    """float32 rows around the places where codes change, two parts in int8: M of any mantissa and
    of nearly any exponent, values within two ulps of (k + 1/2) M/32258 and (k + 1/2) M/127.
    """
    rng = generator("midpoints", seed)
    exponent = rng.integers(-99, 127, rows)
    largest = np.ldexp(rng.random(rows) + 1.0, exponent).astype(np.float32)[:, None]
    fine = (rng.integers(-32258, 32258, (rows, 192)) + 0.5) / 32258.0
    coarse = (rng.integers(-127, 127, (rows, 62)) + 0.5) / 127.0
    where = np.concatenate([fine, coarse], axis=1) * largest.astype(np.float64)
    values = _nudged(where.astype(np.float32), rng)
    ends = np.concatenate([largest, -largest], axis=1)
    return np.concatenate([np.clip(values, -largest, largest), ends], axis=1)


def near_mx_midpoints(rows: int, seed: int) -> F32Array:
    """float32 rows around the places where codes change, two parts in MXFP4: multiples of
    alpha/256 within two ulps, under every exponent of alpha from its least to its largest.
    """
    rng = generator("mx midpoints", seed)
    exponent = rng.integers(-122, 128, (rows, 1, 1))
    steps = rng.integers(-256, 257, (rows, 8, 32)) / 256.0
    values = _nudged(np.ldexp(steps, exponent).astype(np.float32), rng)
    top = np.ldexp(1.0, exponent).astype(np.float32)
    return np.clip(values, -top, top).reshape(rows, 256)


def _nudged(values: F32Array, rng: np.random.Generator) -> F32Array:
    """Each value moved by -2 .. 2 ulps; zeros stay."""
    bits = np.ascontiguousarray(values).view(np.int32)
    moved = bits + rng.integers(-2, 3, bits.shape, np.int32)
    return np.where(values == 0, values, moved.view(np.float32)).astype(np.float32)


def any_bits(rows: int, seed: int) -> F32Array:
    """Finite float32 rows of random bits."""
    bits = generator("bits", seed).integers(0, 1 << 32, (rows, 256), np.uint32)
    bits[(bits & 0x7F800000) == 0x7F800000] ^= np.uint32(0x40000000)
    return bits.view(np.float32)
