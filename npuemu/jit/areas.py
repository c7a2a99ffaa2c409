"""State arrays behind one address.

A jitted engine with two dozen array arguments costs minutes of compilation and a third of its
speed. Instead it is handed one integer: the address of a table of array addresses. `Areas` names
the entries and makes the intrinsics that turn (table, row) into a pointer. Indices are the
engine's own, never a program's.
"""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

_WORD = types.int64


def sparse(*shape: int) -> NDArray[np.int64]:
    """Zeros of which few will be touched: small pages, each made when it is written first.

    NumPy asks for huge pages, and a word in each of a thousand of them is gigabytes to clear.
    """
    words = math.prod(shape)
    memory = mmap.mmap(-1, max(8 * words, mmap.PAGESIZE), **_PRIVATE)
    return np.frombuffer(memory, np.int64, words).reshape(shape)


_PRIVATE: dict[str, int] = (
    {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
)
"""Not shared with child processes, where the system can tell."""


class Areas:
    """The entries of one table, in order; every array is of int64 unless it is viewed otherwise."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def table(self, arrays: Any) -> NDArray[np.int64]:
        """The table for an object that has an array (C-contiguous) as attribute for each name."""
        return np.array([getattr(arrays, name).ctypes.data for name in self.names], np.int64)

    def _load(self, builder: Any, table: Any, name: str) -> Any:
        """IR: the address of an area."""
        word = table.type
        pointer = builder.inttoptr(table, word.as_pointer())
        return builder.load(builder.gep(pointer, [word(self.names.index(name))]))

    def rows(self, name: str, columns: int) -> Any:
        """``name(table, row)``: pointer to a row of an area of ``columns`` words."""

        def typing(typingctx: Any, table: Any, row: Any) -> Any:
            pointer = types.CPointer(_WORD)

            def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                base, index = self._load(builder, arguments[0], name), arguments[1]
                address = builder.add(base, builder.mul(index, index.type(8 * columns)))
                return builder.inttoptr(address, context.get_value_type(pointer))

            return pointer(_WORD, _WORD), codegen

        typing.__name__ = typing.__qualname__ = name
        return intrinsic(typing)

    def words(self, name: str) -> Any:
        """``name(table)``: pointer to an area."""

        def typing(typingctx: Any, table: Any) -> Any:
            pointer = types.CPointer(_WORD)

            def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                base = self._load(builder, arguments[0], name)
                return builder.inttoptr(base, context.get_value_type(pointer))

            return pointer(_WORD), codegen

        typing.__name__ = typing.__qualname__ = name
        return intrinsic(typing)

    def address(self, name: str, columns: int) -> Any:
        """``name_address(table, row)``: address of a row."""

        def typing(typingctx: Any, table: Any, row: Any) -> Any:
            def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                base, index = self._load(builder, arguments[0], name), arguments[1]
                return builder.add(base, builder.mul(index, index.type(8 * columns)))

            return _WORD(_WORD, _WORD), codegen

        typing.__name__ = typing.__qualname__ = f"{name}_address"
        return intrinsic(typing)
