"""Protobuf messages, many of one form at a time.

A part is bytes: an array [width] that all messages share, or [n, width] with a row for each. Values
of one column take the same width: a varint may be longer than it has to be, as long as its last
byte alone has the top bit clear. So a message of any form is the concatenation of its parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Part = NDArray[np.uint8]

(VARINT, FIXED64, BYTES) = range(3)


@cache
def varint(value: int) -> Part:
    """An integer of 64 bits (negative: two's complement) as a varint [width]."""
    value &= (1 << 64) - 1
    made = [value >> place & 0x7F | 0x80 for place in range(0, max(1, value.bit_length()), 7)]
    made[-1] &= 0x7F
    return np.array(made, np.uint8)


def varints(values: NDArray[np.int64]) -> Part:
    """Integers [n] as varints [n, width], of the width of the longest."""
    bits = values.view(np.uint64)
    most = int(bits.max()) if len(bits) else 0
    width = max(1, -(-most.bit_length() // 7))
    made = np.empty((len(bits), width), np.uint8)
    for place in range(width):
        made[:, place] = (bits >> np.uint64(7 * place)).astype(np.uint8) | np.uint8(0x80)
    made[:, -1] &= 0x7F
    return made


@cache
def _tag(number: int, kind: int) -> Part:
    return varint(number << 3 | kind)


def integer(number: int, value: int | NDArray[np.int64]) -> Part:
    """A field of an integer or enumerator, the same in all messages or an array [n] of int64."""
    said = varint(value) if isinstance(value, int) else varints(value)
    return join([_tag(number, VARINT), said])


def fixed64(number: int, values: NDArray[np.int64] | NDArray[np.float64]) -> Part:
    """A field of fixed64 or double, from an array [n] of 8-byte items."""
    raw = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 8)
    return join([_tag(number, FIXED64), raw])


def text(number: int, value: str) -> Part:
    """A field of a string."""
    return message(number, [np.frombuffer(value.encode(), np.uint8)])


def message(number: int, parts: Sequence[Part]) -> Part:
    """A field of a message that consists of ``parts``."""
    body = join(parts)
    return join([_tag(number, BYTES), varint(body.shape[-1]), body])


def join(parts: Sequence[Part]) -> Part:
    """Parts side by side; those that are shared are repeated where others are not."""
    count = next((len(part) for part in parts if part.ndim == 2), 0)
    if not count:
        alone = [part for part in parts if part.ndim == 1]
        return np.concatenate(alone) if alone else np.zeros(0, np.uint8)
    made = np.empty((count, sum(part.shape[-1] for part in parts)), np.uint8)
    at = 0
    for part in parts:
        made[:, at : at + part.shape[-1]] = part
        at += part.shape[-1]
    return made
