"""exp and ln, decided with more and more bits until the rounding to f32 is certain."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import mpmath  # type: ignore[import-untyped]

from tests.interpreter.arithmetic import (
    F32,
    INF_MARK,
    NAN,
    NAN_MARK,
    ONE,
    ZERO,
    Number,
    encode,
    infinity,
    rounded,
)

SLACK = 8
"""Bits at the end of an approximation that are not relied on."""


def _dyadic(value: Any) -> Number:
    sign, magnitude, exponent, _ = value._mpf_
    return int(sign), int(magnitude), int(exponent)


def _certain(function: Callable[[Any], Any], x: Number) -> Number:
    """function(x) rounded to f32, x finite, the result neither zero nor dyadic."""
    precision = 64
    while True:
        with mpmath.workprec(precision):
            argument = mpmath.mpf((x[0], x[1], x[2], x[1].bit_length()))
            value = function(argument)
            slack = mpmath.ldexp(abs(value), SLACK - precision)
            below, above = _dyadic(value - slack), _dyadic(value + slack)
        if encode(F32, below) == encode(F32, above):
            return rounded(F32, below)
        precision *= 2


def _normal(x: Number) -> Number:
    """The same number with an odd magnitude."""
    s, m, e = x
    zeros = (m & -m).bit_length() - 1
    return s, m >> zeros, e + zeros


@lru_cache(maxsize=1 << 16)
def exponential(x: Number) -> Number:
    """e^x, rounded to f32."""
    s, m, e = x
    if m == NAN_MARK:
        return NAN
    if m == INF_MARK:
        return ZERO if s else infinity(0)
    if m == 0:
        return ONE
    if m.bit_length() + e > 8:  # beyond 256 in magnitude
        return ZERO if s else infinity(0)
    return _certain(mpmath.exp, _normal(x))


@lru_cache(maxsize=1 << 16)
def logarithm(x: Number) -> Number:
    """ln x, rounded to f32."""
    s, m, e = x
    if m == 0:
        return infinity(1)
    if m == NAN_MARK or s:
        return NAN
    if m == INF_MARK:
        return infinity(0)
    if _normal(x) == ONE:
        return ZERO
    return _certain(mpmath.log, _normal(x))
