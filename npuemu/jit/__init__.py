"""How this package compiles: one set of Numba options, one cache, one view of raw memory.

Importing this module imports numba; rooms that must answer at once (asm, isa, cli) never do.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from npuemu.jit.cache import prepare

CACHE = prepare()

import llvmlite.binding as llvm  # noqa: E402
import numba  # noqa: E402
import numpy as np  # noqa: E402
from numba import carray, types  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

numba.config.reload_config()  # somebody may have imported numba before the settings above were made

UNIT_SIGNATURE = "int64(int64, int64, int64)"


def njit(
    function: Callable[..., Any] | None = None, *, signature: str | None = None, **options: Any
) -> Any:
    """``numba.njit`` with this package's options: cached, no GIL, IEEE division, no fastmath.

    ``signature`` fixes the types (and compiles or loads at once); without it the first call decides.
    """
    settings: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", **options}
    decorate = numba.njit(**settings) if signature is None else numba.njit(signature, **settings)
    return decorate if function is None else decorate(function)


def compile_unit(function: Callable[..., Any]) -> Any:
    """Compile (or load) a functional unit; ``.address`` is what the engine calls.

    The caller keeps the returned object: the address dies with it.
    """
    return numba.cfunc(UNIT_SIGNATURE, cache=True, nopython=True, error_model="numpy")(function)


def cpu() -> frozenset[str]:
    """Features of the CPU that code may be compiled for; empty in the portable mode.

    ``NPUEMU_PORTABLE=1`` or a foreign ``NUMBA_CPU_NAME`` / ``NUMBA_CPU_FEATURES`` select the portable path.
    """
    name = os.environ.get("NUMBA_CPU_NAME", "")
    if os.environ.get("NPUEMU_PORTABLE") == "1" or (name and name != llvm.get_host_cpu_name()):
        return frozenset()
    if os.environ.get("NUMBA_CPU_FEATURES"):
        listed = os.environ["NUMBA_CPU_FEATURES"].split(",")
        return frozenset(f[1:] for f in listed if f.startswith("+"))
    return frozenset(k for k, on in llvm.get_host_cpu_features().items() if on)


@intrinsic
def _pointer(typingctx: Any, address: Any, kind: Any) -> Any:
    """``int64`` address -> typed pointer, the type given as a dtype object."""
    pointer = types.CPointer(kind.dtype)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(pointer))

    return pointer(types.int64, kind), codegen


_U8, _I8, _U16, _I16 = np.uint8, np.int8, np.uint16, np.int16
_U32, _I32, _F32, _I64 = np.uint32, np.int32, np.float32, np.int64
_U64, _F64 = np.uint64, np.float64


@njit(inline="always")
def view_u8(address, count):  # type: ignore[no-untyped-def]
    """1-D uint8 view of raw memory; the caller has checked the range."""
    return carray(_pointer(address, _U8), count)


@njit(inline="always")
def view_i8(address, count):  # type: ignore[no-untyped-def]
    """1-D int8 view of raw memory."""
    return carray(_pointer(address, _I8), count)


@njit(inline="always")
def view_u16(address, count):  # type: ignore[no-untyped-def]
    """1-D uint16 view of raw memory."""
    return carray(_pointer(address, _U16), count)


@njit(inline="always")
def view_i16(address, count):  # type: ignore[no-untyped-def]
    """1-D int16 view of raw memory."""
    return carray(_pointer(address, _I16), count)


@njit(inline="always")
def view_u32(address, count):  # type: ignore[no-untyped-def]
    """1-D uint32 view of raw memory."""
    return carray(_pointer(address, _U32), count)


@njit(inline="always")
def view_i32(address, count):  # type: ignore[no-untyped-def]
    """1-D int32 view of raw memory."""
    return carray(_pointer(address, _I32), count)


@njit(inline="always")
def view_f32(address, count):  # type: ignore[no-untyped-def]
    """1-D float32 view of raw memory."""
    return carray(_pointer(address, _F32), count)


@njit(inline="always")
def view_i64(address, count):  # type: ignore[no-untyped-def]
    """1-D int64 view of raw memory."""
    return carray(_pointer(address, _I64), count)


@njit(inline="always")
def view_u64(address, count):  # type: ignore[no-untyped-def]
    """1-D uint64 view of raw memory."""
    return carray(_pointer(address, _U64), count)


@njit(inline="always")
def view_f64(address, count):  # type: ignore[no-untyped-def]
    """1-D float64 view of raw memory."""
    return carray(_pointer(address, _F64), count)


@intrinsic
def call_unit(typingctx: Any, function: Any, ctx: Any, ops: Any, arg: Any) -> Any:
    """Call a unit by address: ``int64(int64 ctx, int64 ops, int64 arg)``."""
    signature = types.int64(types.int64, types.int64, types.int64, types.int64)

    def codegen(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        from llvmlite import ir

        word = ir.IntType(64)
        pointer = ir.FunctionType(word, [word, word, word]).as_pointer()
        return builder.call(builder.inttoptr(arguments[0], pointer), list(arguments[1:]))

    return signature, codegen
