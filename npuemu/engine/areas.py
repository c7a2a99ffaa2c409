"""Views of the state arrays from one address.

The jitted engine is handed a single integer: the address of a table of array addresses
(``AREAS`` below).
Passing two dozen arrays from function to function costs minutes of compilation and a third of
the speed;
a plain pointer to a row costs neither. Indices into these arrays are the engine's own, never a
program's.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from npuemu.engine import state as st
from npuemu.isa import footprint as fp
from npuemu.isa import shapes
from npuemu.jit import njit, view_i64, view_u8
from npuemu.observe.occupancy import TILE_COLUMNS

AREAS = (
    "code",
    "program",
    "starts",
    "values",
    "out",
    "core",
    "registers",
    "pipe",
    "queue",
    "flags",
    "stalls",
    "key",
    "smallest",
    "counters",
    "releases",
    "arrivals",
    "cost",
    "machine",
    "g",
    "tensors",
    "touched",
    "ctx",
    "units",
    "plans",
    "profile",
    "problem",
    "written",
    "read",
    "shadow",
    "log",
    "trace",
    "result",
    "memo",
    "origin",
    "tiles",
)


_NUMBER = {name: i for i, name in enumerate(AREAS)}
_WORD = types.int64
_BIG = 1 << 40


def _load(builder: Any, e: Any, name: str) -> Any:
    """IR: the address of an area."""
    word = e.type
    table = builder.inttoptr(e, word.as_pointer())
    return builder.load(builder.gep(table, [word(_NUMBER[name])]))


def _rows(name: str, columns: int) -> Any:
    """``name(e, row)``: pointer to a row of an area of ``columns`` words."""

    def typing(typingctx: Any, e: Any, row: Any) -> Any:
        pointer = types.CPointer(_WORD)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            base, index = _load(builder, arguments[0], name), arguments[1]
            address = builder.add(base, builder.mul(index, index.type(8 * columns)))
            return builder.inttoptr(address, context.get_value_type(pointer))

        return pointer(_WORD, _WORD), codegen

    typing.__name__ = typing.__qualname__ = name
    return intrinsic(typing)


def _words(name: str) -> Any:
    """``name(e)``: pointer to an area."""

    def typing(typingctx: Any, e: Any) -> Any:
        pointer = types.CPointer(_WORD)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(
                _load(builder, arguments[0], name), context.get_value_type(pointer)
            )

        return pointer(_WORD), codegen

    typing.__name__ = typing.__qualname__ = name
    return intrinsic(typing)


def _address(name: str, columns: int) -> Any:
    """``name_address(e, row)``: address of a row, as units take it."""

    def typing(typingctx: Any, e: Any, row: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            base, index = _load(builder, arguments[0], name), arguments[1]
            return builder.add(base, builder.mul(index, index.type(8 * columns)))

        return _WORD(_WORD, _WORD), codegen

    typing.__name__ = typing.__qualname__ = f"{name}_address"
    return intrinsic(typing)


code = _rows("code", st.CODE_COLUMNS)  # Pointer to a decoded instruction.
program = _rows("program", fp.COLUMNS)  # Pointer to an operation of a footprint program.
out = _rows(
    "out", shapes.COLUMNS
)  # Pointer to the header (0) or a region of the instruction in hand.
core = _rows("core", st.CORE_COLUMNS)  # Pointer to a core.
registers = _rows("registers", 32)  # Pointer to a core's scalar registers.
pipe = _rows("pipe", st.PIPE_COLUMNS)  # Pointer to a pipe.
queue = _rows("queue", st.SLOT_COLUMNS)  # Pointer to a queue slot, the `ops` of a unit.
flags = _rows("flags", 512)  # Pointer to a core's flags.
stalls = _rows("stalls", st.STALLS)  # Pointer to a pipe's stall counters.
key = _rows("key", st.PIPES)  # Pointer to a core's event keys.
counters = _rows("counters", 32)  # Pointer to a core's cross-core counters.
releases = _rows("releases", 512)  # Pointer to a core's release times.
arrivals = _rows("arrivals", 256)  # Pointer to a core's arrivals.
cost = _rows("cost", st.COST_COLUMNS)  # Pointer to a time row.
tensors = _rows("tensors", st.TENSOR_COLUMNS)  # Pointer to a tensor.
ctx = _rows("ctx", 64)  # Pointer to a core's context, the `ctx` of a unit.
plans = _rows("plans", 2)  # Pointer to a step of a unit plan.
profile = _rows("profile", st.PROFILE_COLUMNS)  # Pointer to an instruction's profile.
shadow = _rows("shadow", 2)  # Pointer to a memory's place in the occupancy shadow.
log = _rows("log", 4)  # Pointer to the occupancy log.
trace = _rows("trace", st.TRACE_COLUMNS)  # Pointer to a trace event.
starts = _words("starts")
values = _words("values")
smallest = _words("smallest")
machine = _words("machine")
g = _words("g")
units = _words("units")
problem = _words("problem")
result = _words("result")
memo = _rows("memo", st.MEMO_COLUMNS)  # the last execution of an instruction row
tiles = _rows("tiles", TILE_COLUMNS)  # the tiles of a memory, by log slot
origin = _words("origin")  # which operand is the base of each region in hand
context = _address("ctx", 64)
slot_address = _address("queue", st.SLOT_COLUMNS)
_out_address = _address("out", shapes.COLUMNS)
_written, _read, _touched = _address("written", 1), _address("read", 1), _address("touched", 1)


@njit(forceinline=True)
def out_address(e):
    """Address of the header and region rows."""
    return _out_address(e, 0)


@njit(forceinline=True)
def written(e):
    """Occupancy shadow, completion of the last write of each granule: an array, for slicing."""
    return view_i64(_written(e, 0), _BIG)


@njit(forceinline=True)
def read(e):
    """Occupancy shadow, end of the last read of each granule since: an array, for slicing."""
    return view_i64(_read(e, 0), _BIG)


@njit(forceinline=True)
def touched(e):
    """GM lines that were moved before, one byte each: an array, for slicing."""
    return view_u8(_touched(e, 0), _BIG)
