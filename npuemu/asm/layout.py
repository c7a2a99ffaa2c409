"""Addresses of tensors in global memory and of buffers in the local memories."""

from __future__ import annotations

from collections.abc import Iterable

from npuemu.asm.lexer import LineError
from npuemu.asm.messages import listing
from npuemu.asm.program import (
    DTYPE_BITS,
    GM_ALIGN,
    GM_FIRST,
    GM_GAP,
    GM_LIMIT,
    INTEGER_RANGE,
    ROLES,
    Buffer,
    Tensor,
    tensor_bytes,
)
from npuemu.asm.syntax import Name, Span

MEMORY_ALIGN = {"L0A": 512, "L0B": 512, "L0C": 1024, "BT": 64, "FB": 64, "L1": 32, "UB": 32}
"""Local memories that hold buffers, with the default alignment of a buffer in bytes."""

MAX_ITEMS = 1024
MAX_DIMENSIONS = 8


def align_up(value: int, unit: int) -> int:
    """The lowest multiple of ``unit`` that is not below ``value``."""
    return -(-value // unit) * unit


class Layout:
    """Declared tensors and buffers, in order."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.buffers: dict[str, Buffer] = {}
        self._next_tensor = GM_FIRST
        self._next_buffer: dict[str, int] = {}

    def _room(self, name: Name, table: dict[str, Tensor] | dict[str, Buffer]) -> None:
        if len(table) >= MAX_ITEMS:
            raise LineError("A701", f"more than {MAX_ITEMS} declarations", name.span)

    def tensor(
        self,
        name: Name,
        dtype: Name,
        shape: list[tuple[int, Span]],
        role: Name,
        at: int | None,
        limits: tuple[tuple[int, Span] | None, tuple[int, Span] | None] = (None, None),
    ) -> Tensor:
        """Place a tensor; ``at`` fixes its address, ``limits`` are its smallest and largest
        value.
        """
        self._room(name, self.tensors)
        if dtype.name not in DTYPE_BITS:
            near, expected = (dtype.name, tuple(DTYPE_BITS)), ", ".join(DTYPE_BITS)
            message = f"no tensor type '{dtype.name}'"
            raise LineError("A501", message, dtype.span, near=near, expected=expected)
        if role.name not in ROLES:
            message = f"no tensor role '{role.name}'"
            raise LineError("A501", message, role.span, expected=", ".join(ROLES))
        for size, span in shape:
            if size < 1:
                message = f"a dimension of '{name.name}' is {size}"
                raise LineError("A501", message, span, expected="1 or more")
        if len(shape) > MAX_DIMENSIONS:
            raise LineError("A501", f"more than {MAX_DIMENSIONS} dimensions", name.span)
        if dtype.name == "e2m1" and shape[-1][0] % 2:
            message = f"the last dimension of '{name.name}' is odd: e2m1 is packed two a byte"
            raise LineError("A501", message, shape[-1][1])
        sizes = tuple(size for size, _ in shape)
        address = self._next_tensor if at is None else at
        size = tensor_bytes(dtype.name, sizes)
        bounds = _bounds(limits, name)
        tensor = Tensor(name.name, dtype.name, sizes, role.name, address, size, bounds)
        problem = bounds_problem(tensor) or tensor_problem(
            tensor, self.tensors.values() if at is not None else ()
        )
        if problem is not None:
            raise LineError("A501", problem, name.span)
        self.tensors[name.name] = tensor
        self._next_tensor = max(
            self._next_tensor, align_up(address + tensor.nbytes + GM_GAP, GM_ALIGN)
        )
        return tensor

    def buffer(
        self,
        name: Name,
        mem: Name,
        nbytes: tuple[int, Span],
        align: tuple[int, Span] | None,
        at: int | None,
        capacity: dict[str, int],
    ) -> Buffer:
        """Place a buffer after the last one of its memory; ``at`` fixes its address."""
        self._room(name, self.buffers)
        known = tuple(m for m in MEMORY_ALIGN if capacity.get(m))
        if mem.name not in known:
            near, expected = (mem.name, known), listing(known)
            message = f"no memory '{mem.name}' for buffers"
            raise LineError("A502", message, mem.span, near=near, expected=expected)
        if nbytes[0] < 1:
            message = f"'{name.name}' has {nbytes[0]} bytes"
            raise LineError("A502", message, nbytes[1], expected="1 or more")
        unit = MEMORY_ALIGN[mem.name] if align is None else align[0]
        if align is not None and (unit < 1 or unit & (unit - 1)):
            raise LineError("A502", f"alignment {unit}", align[1], expected="a power of two")
        address = align_up(self._next_buffer.get(mem.name, 0), unit) if at is None else at
        buffer = Buffer(name.name, mem.name, address, nbytes[0])
        if address < 0 or address + nbytes[0] > capacity[mem.name]:
            raise self._overflow(buffer, name, capacity[mem.name])
        self.buffers[name.name] = buffer
        self._next_buffer[mem.name] = max(self._next_buffer.get(mem.name, 0), address + nbytes[0])
        return buffer

    def _overflow(self, last: Buffer, name: Name, capacity: int) -> LineError:
        rows = [b for b in self.buffers.values() if b.mem == last.mem][-15:] + [last]
        lines = [
            f"{b.address:>9} .. {b.address + b.nbytes:<9} {b.name} ({b.nbytes} bytes)" for b in rows
        ]
        message = (
            f"'{last.name}' ends at {last.address + last.nbytes}, {last.mem} has {capacity} bytes"
        )
        table = "\n          ".join([f"{last.mem} holds", *lines])
        return LineError("A503", message, name.span, help=table)


def _bounds(
    limits: tuple[tuple[int, Span] | None, tuple[int, Span] | None], name: Name
) -> tuple[int, int] | None:
    """Both limits of a tensor's values, or none."""
    least, most = limits
    if least is None and most is None:
        return None
    if least is None or most is None:
        missing = "min" if least is None else "max"
        message = f"'{name.name}' has no {missing}"
        raise LineError("A501", message, name.span, expected="both min= and max=, or neither")
    return least[0], most[0]


def bounds_problem(tensor: Tensor) -> str | None:
    """Why a tensor's values cannot be limited so, or None."""
    if tensor.bounds is None:
        return None
    least, most = tensor.bounds
    if tensor.role != "in" or tensor.dtype not in INTEGER_RANGE:
        return f"'{tensor.name}' is no integer input: min and max limit what such a tensor holds"
    low, high = INTEGER_RANGE[tensor.dtype]
    if not low <= least <= most <= high:
        return f"'{tensor.name}' holds {low} .. {high}: min={least}, max={most} is no part of it"
    return None


def tensor_problem(tensor: Tensor, others: Iterable[Tensor]) -> str | None:
    """Why a tensor cannot lie where it does, or None. ``others``: tensors it must not overlap."""
    if tensor.address < GM_FIRST or tensor.address % GM_ALIGN:
        return (
            f"'{tensor.name}' at {tensor.address}: not a multiple of {GM_ALIGN} from {GM_FIRST} on"
        )
    if tensor.address + tensor.nbytes + GM_GAP > GM_LIMIT:
        size = f"{tensor.nbytes} bytes at {tensor.address}"
        return f"'{tensor.name}' ({size}) ends past the {GM_LIMIT >> 30} GiB of global memory"
    for other in others:
        if (
            tensor.address < other.address + other.nbytes
            and other.address < tensor.address + tensor.nbytes
        ):
            return f"'{tensor.name}' overlaps '{other.name}'"
    return None
