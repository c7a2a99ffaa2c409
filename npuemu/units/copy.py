"""Moving bytes between memories: vector copies, block copies and fills on raw addresses.

LLVM does not turn a short byte loop into one vector move, so the copies are written as plain LLVM
vectors with alignment 1; they lower to whatever the CPU has and need no feature test.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from npuemu.jit import njit, view_i64

GM, L1, L0A, L0B, L0C, BT, FB, UB, L0A_MX, L0B_MX, UB1 = range(11)
CTX_WORDS, CTX_L0A_LAYOUT, CTX_SCRATCH = 64, 32, 35
OPS_WORDS = 32

_BYTE, _BIT, _INT32, _WORD = ir.IntType(8), ir.IntType(1), ir.IntType(32), ir.IntType(64)
_TWO = types.void(types.int64, types.int64)
_THREE = types.void(types.int64, types.int64, types.int64)


def load(builder: Any, address: Any, kind: Any) -> Any:
    """IR: the ``kind`` at an int64 address, of any alignment."""
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=1)


def store(builder: Any, address: Any, value: Any) -> None:
    """IR: write ``value`` at an int64 address, of any alignment."""
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=1)


def _declare(builder: Any, name: str, arguments: list[Any]) -> Any:
    """IR: the void function ``name``; LLVM's own functions need their full, typed name."""
    signature = ir.FunctionType(ir.VoidType(), arguments)
    known = builder.module.globals.get(name)
    return known if known is not None else ir.Function(builder.module, signature, name)


def _vector_copy(context: Any, builder: Any, arguments: Any, count: int) -> Any:
    kind = ir.VectorType(_BYTE, count)
    store(builder, arguments[0], load(builder, arguments[1], kind))
    return context.get_dummy_value()


@intrinsic
def copy2(typingctx: Any, dst: Any, src: Any) -> Any:
    """Copy 2 bytes from address ``src`` to address ``dst``."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        store(builder, arguments[0], load(builder, arguments[1], ir.IntType(16)))
        return context.get_dummy_value()

    return _TWO, codegen


@intrinsic
def copy32(typingctx: Any, dst: Any, src: Any) -> Any:
    """Copy 32 bytes from address ``src`` to address ``dst``."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _vector_copy(context, builder, arguments, 32)

    return _TWO, codegen


@intrinsic
def copy512(typingctx: Any, dst: Any, src: Any) -> Any:
    """Copy one fractal (512 bytes) from address ``src`` to address ``dst``."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(_BYTE, 64)
        for offset in range(0, 512, 64):
            step = _WORD(offset)
            value = load(builder, builder.add(arguments[1], step), kind)
            store(builder, builder.add(arguments[0], step), value)
        return context.get_dummy_value()

    return _TWO, codegen


@intrinsic
def copy32_zero_tail(typingctx: Any, dst: Any, src: Any, count: Any) -> Any:
    """Write 32 bytes at ``dst``: the first ``count`` of ``src``, then zeros. Reads 32 bytes."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(_BYTE, 32)
        single = builder.trunc(arguments[2], _BYTE)
        limit = builder.insert_element(ir.Constant(kind, ir.Undefined), single, _INT32(0))
        mask = ir.Constant(ir.VectorType(_INT32, 32), [0] * 32)
        limit = builder.shuffle_vector(limit, limit, mask)
        keep = builder.icmp_unsigned("<", ir.Constant(kind, list(range(32))), limit)
        value = load(builder, arguments[1], kind)
        store(builder, arguments[0], builder.select(keep, value, ir.Constant(kind, [0] * 32)))
        return context.get_dummy_value()

    return _THREE, codegen


@intrinsic
def copy_bytes(typingctx: Any, dst: Any, src: Any, count: Any) -> Any:
    """Copy ``count`` >= 0 bytes from ``src`` to ``dst``; the ranges do not overlap."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _BYTE.as_pointer()
        function = _declare(builder, "llvm.memcpy.p0.p0.i64", [pointer, pointer, _WORD, _BIT])
        dst, src = (builder.inttoptr(a, pointer) for a in arguments[:2])
        builder.call(function, [dst, src, arguments[2], _BIT(0)])
        return context.get_dummy_value()

    return _THREE, codegen


@intrinsic
def zero_bytes(typingctx: Any, dst: Any, count: Any) -> Any:
    """Write ``count`` >= 0 zero bytes at address ``dst``."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _BYTE.as_pointer()
        function = _declare(builder, "llvm.memset.p0.i64", [pointer, _BYTE, _WORD, _BIT])
        dst = builder.inttoptr(arguments[0], pointer)
        builder.call(function, [dst, _BYTE(0), arguments[1], _BIT(0)])
        return context.get_dummy_value()

    return _TWO, codegen


@intrinsic
def prefetch(typingctx: Any, address: Any) -> Any:
    """Hint that the 64-byte line of ``address`` is read soon; any address is harmless."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _BYTE.as_pointer()
        function = _declare(builder, "llvm.prefetch.p0", [pointer, _INT32, _INT32, _INT32])
        address = builder.inttoptr(arguments[0], pointer)
        builder.call(function, [address, _INT32(0), _INT32(3), _INT32(1)])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@njit(inline="always")
def host_address(ctx, memory, offset):  # type: ignore[no-untyped-def]
    """Host address of byte ``offset`` of emulated memory ``memory``."""
    return view_i64(ctx, CTX_WORDS)[2 * memory] + offset
