"""Views of the state arrays from one address.

The jitted engine is handed a single integer: the address of a table of array addresses (``AREAS`` below).
Passing two dozen arrays from function to function costs minutes of compilation and a third of the speed;
a view is made where it is used, with its column count as a constant.
"""

from __future__ import annotations

from numba import carray

from npuemu.engine import state as st
from npuemu.jit import _I64, _U8, _pointer, njit, view_i64

ROWS = 1 << 40
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
)
NUMBER = {name: i for i, name in enumerate(AREAS)}


_COUNT = len(AREAS)
_NUMBER = {name: i for i, name in enumerate(AREAS)}


@njit(signature="int64(int64, int64)", forceinline=True)
def address(e, number):  # type: ignore[no-untyped-def]
    """Address of an area."""
    return view_i64(e, _COUNT)[number]


_CODE, _CODE_SHAPE = _NUMBER["code"], (ROWS, st.CODE_COLUMNS)


@njit(forceinline=True)
def code(e):  # type: ignore[no-untyped-def]
    """Rows of area ``code``."""
    return carray(_pointer(address(e, _CODE), _I64), _CODE_SHAPE)


_PROGRAM, _PROGRAM_SHAPE = _NUMBER["program"], (ROWS, 14)


@njit(forceinline=True)
def program(e):  # type: ignore[no-untyped-def]
    """Rows of area ``program``."""
    return carray(_pointer(address(e, _PROGRAM), _I64), _PROGRAM_SHAPE)


_OUT, _OUT_SHAPE = _NUMBER["out"], (ROWS, 8)


@njit(forceinline=True)
def out(e):  # type: ignore[no-untyped-def]
    """Rows of area ``out``."""
    return carray(_pointer(address(e, _OUT), _I64), _OUT_SHAPE)


_CORE, _CORE_SHAPE = _NUMBER["core"], (ROWS, st.CORE_COLUMNS)


@njit(forceinline=True)
def core(e):  # type: ignore[no-untyped-def]
    """Rows of area ``core``."""
    return carray(_pointer(address(e, _CORE), _I64), _CORE_SHAPE)


_REGISTERS, _REGISTERS_SHAPE = _NUMBER["registers"], (ROWS, 32)


@njit(forceinline=True)
def registers(e):  # type: ignore[no-untyped-def]
    """Rows of area ``registers``."""
    return carray(_pointer(address(e, _REGISTERS), _I64), _REGISTERS_SHAPE)


_PIPE, _PIPE_SHAPE = _NUMBER["pipe"], (ROWS, st.PIPE_COLUMNS)


@njit(forceinline=True)
def pipe(e):  # type: ignore[no-untyped-def]
    """Rows of area ``pipe``."""
    return carray(_pointer(address(e, _PIPE), _I64), _PIPE_SHAPE)


_QUEUE, _QUEUE_SHAPE = _NUMBER["queue"], (ROWS, st.SLOT_COLUMNS)


@njit(forceinline=True)
def queue(e):  # type: ignore[no-untyped-def]
    """Rows of area ``queue``."""
    return carray(_pointer(address(e, _QUEUE), _I64), _QUEUE_SHAPE)


_FLAGS, _FLAGS_SHAPE = _NUMBER["flags"], (ROWS, 512)


@njit(forceinline=True)
def flags(e):  # type: ignore[no-untyped-def]
    """Rows of area ``flags``."""
    return carray(_pointer(address(e, _FLAGS), _I64), _FLAGS_SHAPE)


_STALLS, _STALLS_SHAPE = _NUMBER["stalls"], (ROWS, st.STALLS)


@njit(forceinline=True)
def stalls(e):  # type: ignore[no-untyped-def]
    """Rows of area ``stalls``."""
    return carray(_pointer(address(e, _STALLS), _I64), _STALLS_SHAPE)


_KEY, _KEY_SHAPE = _NUMBER["key"], (ROWS, st.PIPES)


@njit(forceinline=True)
def key(e):  # type: ignore[no-untyped-def]
    """Rows of area ``key``."""
    return carray(_pointer(address(e, _KEY), _I64), _KEY_SHAPE)


_COUNTERS, _COUNTERS_SHAPE = _NUMBER["counters"], (ROWS, 32)


@njit(forceinline=True)
def counters(e):  # type: ignore[no-untyped-def]
    """Rows of area ``counters``."""
    return carray(_pointer(address(e, _COUNTERS), _I64), _COUNTERS_SHAPE)


_RELEASES, _RELEASES_SHAPE = _NUMBER["releases"], (ROWS, 512)


@njit(forceinline=True)
def releases(e):  # type: ignore[no-untyped-def]
    """Rows of area ``releases``."""
    return carray(_pointer(address(e, _RELEASES), _I64), _RELEASES_SHAPE)


_ARRIVALS, _ARRIVALS_SHAPE = _NUMBER["arrivals"], (ROWS, 256)


@njit(forceinline=True)
def arrivals(e):  # type: ignore[no-untyped-def]
    """Rows of area ``arrivals``."""
    return carray(_pointer(address(e, _ARRIVALS), _I64), _ARRIVALS_SHAPE)


_COST, _COST_SHAPE = _NUMBER["cost"], (ROWS, st.COST_COLUMNS)


@njit(forceinline=True)
def cost(e):  # type: ignore[no-untyped-def]
    """Rows of area ``cost``."""
    return carray(_pointer(address(e, _COST), _I64), _COST_SHAPE)


_TENSORS, _TENSORS_SHAPE = _NUMBER["tensors"], (ROWS, st.TENSOR_COLUMNS)


@njit(forceinline=True)
def tensors(e):  # type: ignore[no-untyped-def]
    """Rows of area ``tensors``."""
    return carray(_pointer(address(e, _TENSORS), _I64), _TENSORS_SHAPE)


_CTX, _CTX_SHAPE = _NUMBER["ctx"], (ROWS, 64)


@njit(forceinline=True)
def ctx(e):  # type: ignore[no-untyped-def]
    """Rows of area ``ctx``."""
    return carray(_pointer(address(e, _CTX), _I64), _CTX_SHAPE)


_PLANS, _PLANS_SHAPE = _NUMBER["plans"], (ROWS, 2)


@njit(forceinline=True)
def plans(e):  # type: ignore[no-untyped-def]
    """Rows of area ``plans``."""
    return carray(_pointer(address(e, _PLANS), _I64), _PLANS_SHAPE)


_PROFILE, _PROFILE_SHAPE = _NUMBER["profile"], (ROWS, st.PROFILE_COLUMNS)


@njit(forceinline=True)
def profile(e):  # type: ignore[no-untyped-def]
    """Rows of area ``profile``."""
    return carray(_pointer(address(e, _PROFILE), _I64), _PROFILE_SHAPE)


_SHADOW, _SHADOW_SHAPE = _NUMBER["shadow"], (ROWS, 2)


@njit(forceinline=True)
def shadow(e):  # type: ignore[no-untyped-def]
    """Rows of area ``shadow``."""
    return carray(_pointer(address(e, _SHADOW), _I64), _SHADOW_SHAPE)


_LOG, _LOG_SHAPE = _NUMBER["log"], (ROWS, 4)


@njit(forceinline=True)
def log(e):  # type: ignore[no-untyped-def]
    """Rows of area ``log``."""
    return carray(_pointer(address(e, _LOG), _I64), _LOG_SHAPE)


_TRACE, _TRACE_SHAPE = _NUMBER["trace"], (ROWS, st.TRACE_COLUMNS)


@njit(forceinline=True)
def trace(e):  # type: ignore[no-untyped-def]
    """Rows of area ``trace``."""
    return carray(_pointer(address(e, _TRACE), _I64), _TRACE_SHAPE)


_STARTS = _NUMBER["starts"]


@njit(forceinline=True)
def starts(e):  # type: ignore[no-untyped-def]
    """Area ``starts``."""
    return carray(_pointer(address(e, _STARTS), _I64), ROWS)


_VALUES = _NUMBER["values"]


@njit(forceinline=True)
def values(e):  # type: ignore[no-untyped-def]
    """Area ``values``."""
    return carray(_pointer(address(e, _VALUES), _I64), ROWS)


_SMALLEST = _NUMBER["smallest"]


@njit(forceinline=True)
def smallest(e):  # type: ignore[no-untyped-def]
    """Area ``smallest``."""
    return carray(_pointer(address(e, _SMALLEST), _I64), ROWS)


_MACHINE = _NUMBER["machine"]


@njit(forceinline=True)
def machine(e):  # type: ignore[no-untyped-def]
    """Area ``machine``."""
    return carray(_pointer(address(e, _MACHINE), _I64), ROWS)


_G = _NUMBER["g"]


@njit(forceinline=True)
def g(e):  # type: ignore[no-untyped-def]
    """Area ``g``."""
    return carray(_pointer(address(e, _G), _I64), ROWS)


_UNITS = _NUMBER["units"]


@njit(forceinline=True)
def units(e):  # type: ignore[no-untyped-def]
    """Area ``units``."""
    return carray(_pointer(address(e, _UNITS), _I64), ROWS)


_PROBLEM = _NUMBER["problem"]


@njit(forceinline=True)
def problem(e):  # type: ignore[no-untyped-def]
    """Area ``problem``."""
    return carray(_pointer(address(e, _PROBLEM), _I64), ROWS)


_WRITTEN = _NUMBER["written"]


@njit(forceinline=True)
def written(e):  # type: ignore[no-untyped-def]
    """Area ``written``."""
    return carray(_pointer(address(e, _WRITTEN), _I64), ROWS)


_READ = _NUMBER["read"]


@njit(forceinline=True)
def read(e):  # type: ignore[no-untyped-def]
    """Area ``read``."""
    return carray(_pointer(address(e, _READ), _I64), ROWS)


_RESULT = _NUMBER["result"]


@njit(forceinline=True)
def result(e):  # type: ignore[no-untyped-def]
    """Area ``result``."""
    return carray(_pointer(address(e, _RESULT), _I64), ROWS)


_TOUCHED = _NUMBER["touched"]


@njit(forceinline=True)
def touched(e):  # type: ignore[no-untyped-def]
    """GM lines that were moved before, one byte each."""
    return carray(_pointer(address(e, _TOUCHED), _U8), ROWS)


@njit(forceinline=True)
def context(e, core):  # type: ignore[no-untyped-def]
    """Address of a core's ctx, as units take it."""
    return address(e, _CTX) + core * 512


@njit(forceinline=True)
def slot_address(e, index):  # type: ignore[no-untyped-def]
    """Address of a queue slot: the ``ops`` of a unit."""
    return address(e, _QUEUE) + index * _SLOT_BYTES


@njit(forceinline=True)
def out_address(e):  # type: ignore[no-untyped-def]
    """Address of the header and region rows."""
    return address(e, _OUT)


_SLOT_BYTES = st.SLOT_COLUMNS * 8
