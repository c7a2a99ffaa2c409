"""Bounds, tensors and the scalar unit's own loads and stores."""

from __future__ import annotations

import numpy as np

from npuemu.engine import areas as area
from npuemu.engine.state import (
    G_TENSORS,
    N_ADDRESS,
    N_END,
    N_READ,
    N_ROLE,
    N_WRITE,
    ROLE_IN,
)
from npuemu.jit import njit, view_u8

GM = 0
OUT_OF_RANGE, OUTSIDE_TENSOR, READ_ONLY = 103, 104, 105


@njit
def tensor_of(e, start, stop):
    """Row of the tensor that holds all bytes ``start .. stop``, -1 if none does."""
    for i in range(area.g(e)[G_TENSORS]):
        tensor = area.tensors(e, i)
        if tensor[N_ADDRESS] <= start and stop <= tensor[N_END]:
            return i
    return -1


@njit
def check_region(e, core, index):
    """0 if region ``index`` in hand lies inside its memory (GM: inside one tensor, writes not
    into an input).
    """
    region = area.out(e, index)
    mem, write, start = region[0], region[1], region[2]
    stop = start + (region[3] - 1) * region[4] + (region[5] - 1) * region[6] + region[7]
    if mem != GM:
        size = area.ctx(e, core)[2 * mem + 1]
        # the start on its own too: near 2^63 (a bias or scale register) the stop would wrap
        return OUT_OF_RANGE if start < 0 or start > size or stop > size else 0
    row = tensor_of(e, start, stop)
    area.owner(e)[index] = row
    if row < 0:
        return OUTSIDE_TENSOR
    if write == 1 and area.tensors(e, row)[N_ROLE] == ROLE_IN:
        return READ_ONLY
    return 0


@njit
def count_traffic(e, index):
    """Add a checked GM region to the bytes of its tensor."""
    region = area.out(e, index)
    tensor = area.tensors(e, area.owner(e)[index])
    tensor[N_WRITE if region[1] == 1 else N_READ] += region[3] * region[5] * region[7]


SIZES = (1, 1, 2, 2, 4, 4, 8)
SIGNED = (0, 1, 0, 1, 0, 1, 0)


@njit
def scalar_load(address, kind):
    """Little-endian load of scalar type number ``kind`` from a checked address, extended to 64
    bits.
    """
    size = SIZES[kind]
    data = view_u8(address, size)
    value = np.uint64(0)
    for i in range(size):
        value |= np.uint64(data[i]) << np.uint64(8 * i)
    result = np.int64(value)
    if SIGNED[kind]:
        shift = 64 - 8 * size
        result = (result << shift) >> shift
    return result


@njit
def scalar_store(address, kind, value):
    """Little-endian store of the low bytes of ``value`` to a checked address."""
    data = view_u8(address, SIZES[kind])
    for i in range(data.size):
        data[i] = np.uint8((value >> (8 * i)) & 255)


@njit
def set_region(e, mem, write, start, length):
    """One linear region in hand (after the header row)."""
    area.out(e, 0)[0] = 1
    row = area.out(e, 1)
    row[0], row[1], row[2], row[3] = mem, write, start, 1
    row[4], row[5], row[6], row[7] = 0, 1, 0, length
