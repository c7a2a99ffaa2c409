"""How this package compiles: one set of Numba options, one cache, one view of raw memory.

Importing this module imports numba; rooms that must answer at once (asm, isa, cli) never do.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from npuemu.jit.cache import prepare

CACHE = prepare()

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

numba.config.reload_config()  # somebody may have imported numba before the settings above were made

UNIT_SIGNATURE = "int64(int64, int64, int64)"


def njit(
    function: Callable[..., Any] | None = None, *, signature: str | None = None, **options: Any
) -> Any:
    """``numba.njit`` with this package's options: cached, no GIL, IEEE division, no fastmath.

    ``signature`` fixes the types (and compiles or loads at once): otherwise every literal argument
    of a jitted caller makes one more specialisation.
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

    ``NPUEMU_PORTABLE=1`` or a foreign ``NUMBA_CPU_NAME`` / ``NUMBA_CPU_FEATURES`` select the
    portable path.
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


_U8, _I64 = np.uint8, np.int64


def _view(name: str, item: Any) -> Any:
    """``name(address, count)``: a 1-D view of raw memory as ``item``; the caller has checked the
    range.

    An intrinsic, not a jitted function: nothing of its own to compile, nothing to count
    references of.
    """

    def typing(typingctx: Any, address: Any, count: Any) -> Any:
        view = types.Array(item, 1, "C")

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(view)(context, builder)
            element = context.get_data_type(item)
            size = context.get_constant(types.intp, context.get_abi_sizeof(element))
            data = builder.inttoptr(arguments[0], element.as_pointer())
            populate_array(
                array, data=data, shape=[arguments[1]], strides=[size], itemsize=size, meminfo=None
            )
            return array._getvalue()

        return view(types.int64, types.int64), codegen

    typing.__name__ = typing.__qualname__ = name
    return intrinsic(typing)


view_u8, view_i8 = _view("view_u8", types.uint8), _view("view_i8", types.int8)
view_u16, view_i16 = _view("view_u16", types.uint16), _view("view_i16", types.int16)
view_u32, view_i32 = _view("view_u32", types.uint32), _view("view_i32", types.int32)
view_u64, view_i64 = _view("view_u64", types.uint64), _view("view_i64", types.int64)
view_f32, view_f64 = _view("view_f32", types.float32), _view("view_f64", types.float64)


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
