"""Conversion of one L0C row segment: 16 four-byte words in, 16 elements of the output type out.

``floor`` is the relu: the smallest signed integer that the output lane may hold, read as an integer
of the output's width. 0 sends everything with a sign bit to +0 (NaNs are canonical, so positive);
the type's minimum changes nothing. ``scale`` and ``offset`` are addresses of 16 f32 and 16 i32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic

from npuemu.jit import cpu
from npuemu.units.copy import load, store
from npuemu.units.fixpipe.lanes import (
    F32,
    F32_NAN,
    I16,
    I32,
    at_least,
    broadcast,
    is_nan,
    splat,
    to_bf16,
    to_f16_hardware,
    to_f16_integer,
    to_s8,
)

Lanes = Callable[[Any, Any], Any]


def f16_converter() -> Lanes:
    """The f32 -> f16 conversion for the CPU that is compiled for."""
    return to_f16_hardware if "f16c" in cpu() else to_f16_integer


def _signature(count: int) -> Any:
    return types.void(*[types.int64] * count)


def _half(context: Any, builder: Any, arguments: Any, value: Any, converter: Lanes) -> Any:
    """Convert f32 lanes to a 16-bit type, apply the floor (last argument), store at the first."""
    bits = converter(builder, value)
    store(builder, arguments[0], at_least(builder, bits, broadcast(builder, I16, arguments[-1])))
    return context.get_dummy_value()


def _scaled(builder: Any, value: Any, scale: Any) -> Any:
    return builder.fmul(value, load(builder, scale, F32))


def _byte(context: Any, builder: Any, arguments: Any, value: Any) -> Any:
    """Scale, round, offset, saturate and store 16 bytes; ``value`` is f32 lanes."""
    dst, _, scale, offset, floor = arguments
    scaled = _scaled(builder, value, scale)
    low = broadcast(builder, I32, floor)
    store(builder, dst, to_s8(builder, scaled, load(builder, offset, I32), low))
    return context.get_dummy_value()


@intrinsic
def move_b32(typingctx: Any, dst: Any, src: Any, floor: Any) -> Any:
    """16 words unchanged; with floor 0 they are f32: max(x, 0), NaNs canonical."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        dst, src, floor = arguments
        low = broadcast(builder, I32, floor)
        value = load(builder, src, F32)
        bits = at_least(builder, builder.bitcast(value, I32), low)
        relu = builder.icmp_signed("==", low, splat(I32, 0))
        nan = builder.and_(is_nan(builder, value), relu)
        store(builder, dst, builder.select(nan, splat(I32, F32_NAN), bits))
        return context.get_dummy_value()

    return _signature(3), codegen


@intrinsic
def f32_bf16(typingctx: Any, dst: Any, src: Any, floor: Any) -> Any:
    """bf16(x)."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = load(builder, arguments[1], F32)
        return _half(context, builder, arguments, value, to_bf16)

    return _signature(3), codegen


@intrinsic
def f32_f16(typingctx: Any, dst: Any, src: Any, floor: Any) -> Any:
    """f16(x)."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = load(builder, arguments[1], F32)
        return _half(context, builder, arguments, value, f16_converter())

    return _signature(3), codegen


@intrinsic
def f32_f16_portable(typingctx: Any, dst: Any, src: Any, floor: Any) -> Any:
    """f16(x) by integer code on any CPU: what ``f32_f16`` must equal."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = load(builder, arguments[1], F32)
        return _half(context, builder, arguments, value, to_f16_integer)

    return _signature(3), codegen


@intrinsic
def s32_f16(typingctx: Any, dst: Any, src: Any, scale: Any, floor: Any) -> Any:
    """f16(f32(x) * scale)."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.sitofp(load(builder, arguments[1], I32), F32)
        value = _scaled(builder, value, arguments[2])
        return _half(context, builder, arguments, value, f16_converter())

    return _signature(4), codegen


@intrinsic
def s32_s8(typingctx: Any, dst: Any, src: Any, scale: Any, offset: Any, floor: Any) -> Any:
    """s8(rint(f32(x) * scale) + offset), saturating."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.sitofp(load(builder, arguments[1], I32), F32)
        return _byte(context, builder, arguments, value)

    return _signature(5), codegen


@intrinsic
def f32_s8(typingctx: Any, dst: Any, src: Any, scale: Any, offset: Any, floor: Any) -> Any:
    """s8(rint(x * scale) + offset), saturating; NaN counts as 0 before the offset."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _byte(context, builder, arguments, load(builder, arguments[1], F32))

    return _signature(5), codegen
