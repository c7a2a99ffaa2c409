"""Scalar primitives for jitted lanes: reinterpretations and single IEEE operations."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_I16, _HALF, _FLOAT, _DOUBLE = ir.IntType(16), ir.HalfType(), ir.FloatType(), ir.DoubleType()


@intrinsic
def f32_bits(typingctx: Any, value: Any) -> Any:
    """float32 -> its int32 word."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), codegen


@intrinsic
def bits_f32(typingctx: Any, word: Any) -> Any:
    """int32 word -> float32."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], _FLOAT)

    return types.float32(types.int32), codegen


@intrinsic
def f64_bits(typingctx: Any, value: Any) -> Any:
    """float64 -> its int64 word."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def bits_f64(typingctx: Any, word: Any) -> Any:
    """int64 word -> float64."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], _DOUBLE)

    return types.float64(types.int64), codegen


def _declare(builder: Any, name: str, kind: Any, arity: int) -> Any:
    module = builder.module
    return module.globals.get(name) or ir.Function(
        module, ir.FunctionType(kind, [kind] * arity), name=name
    )


@intrinsic
def fma_f32(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """float32 a*b + c, rounded once."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.call(_declare(builder, "llvm.fma.f32", _FLOAT, 3), arguments)

    return types.float32(types.float32, types.float32, types.float32), codegen


@intrinsic
def sqrt_f32(typingctx: Any, x: Any) -> Any:
    """float32 square root, correctly rounded."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.call(_declare(builder, "llvm.sqrt.f32", _FLOAT, 1), arguments)

    return types.float32(types.float32), codegen


@intrinsic
def sqrt_f64(typingctx: Any, x: Any) -> Any:
    """float64 square root, correctly rounded."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.call(_declare(builder, "llvm.sqrt.f64", _DOUBLE, 1), arguments)

    return types.float64(types.float64), codegen


@intrinsic
def half_extend(typingctx: Any, code: Any) -> Any:
    """binary16 code (uint16) -> float32 by the CPU; only where it has F16C."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fpext(builder.bitcast(arguments[0], _HALF), _FLOAT)

    return types.float32(types.uint16), codegen


@intrinsic
def half_truncate(typingctx: Any, value: Any) -> Any:
    """float32 -> binary16 code (uint16), nearest even, by the CPU; only where it has F16C."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.fptrunc(arguments[0], _HALF), _I16)

    return types.uint16(types.float32), codegen
