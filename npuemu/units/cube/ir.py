"""Small helpers to write LLVM IR by hand: typed access to raw addresses, loops, masked rows.

Everything here runs at compile time. A *routine* is one internal LLVM function whose arguments
are all ``int64``; jitted Python code calls it like any function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
F32, F64, F16 = ir.FloatType(), ir.DoubleType(), ir.HalfType()
I32X16, F32X16 = ir.VectorType(I32, 16), ir.VectorType(F32, 16)
I8X64, F64X8 = ir.VectorType(I8, 64), ir.VectorType(F64, 8)

CANONICAL_NAN = 0x7FC00000

Emit = Callable[..., Any]


def routine(name: str, count: int, emit: Emit, returns: bool = False) -> Any:
    """Make a Numba intrinsic of ``emit(builder, *count int64 values)``, compiled once per module.

    ``emit`` returns the ``int64`` result when ``returns`` is set; otherwise the call gives 0.
    """

    def defined(module: ir.Module) -> ir.Function:
        if name in module.globals:
            return module.globals[name]
        function = ir.Function(module, ir.FunctionType(I64, [I64] * count), name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        result = emit(builder, *function.args)
        builder.ret(result if returns else I64(0))
        return function

    def call(typingctx: Any, *arguments: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.call(defined(builder.module), values)

        return types.int64(*[types.int64] * count), codegen

    # Numba lowers a call by the declared parameters and does not know ``*arguments``.
    names = ["typingctx", *(f"x{i}" for i in range(count))]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in names]
    )
    return intrinsic(call)


def splat_constant(vector: ir.VectorType, value: Any) -> ir.Constant:
    """The same constant in every lane."""
    return ir.Constant(vector, [ir.Constant(vector.element, value)] * vector.count)


def splat(builder: ir.IRBuilder, value: Any, count: int = 16) -> Any:
    """A scalar in every lane."""
    vector = ir.VectorType(value.type, count)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, I32(0))
    mask = ir.Constant(ir.VectorType(I32, count), [I32(0)] * count)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)


def shuffle(builder: ir.IRBuilder, left: Any, right: Any, lanes: Sequence[int]) -> Any:
    """Two-source shuffle with constant lanes (``right`` starts at lane ``count``)."""
    mask = ir.Constant(ir.VectorType(I32, len(lanes)), [I32(lane) for lane in lanes])
    return builder.shuffle_vector(left, right, mask)


def pointer(builder: ir.IRBuilder, address: Any, kind: Any, offset: int = 0) -> Any:
    """Address (plus a constant) as a typed pointer."""
    where = builder.add(address, I64(offset)) if offset else address
    return builder.inttoptr(where, kind.as_pointer())


def load(builder: ir.IRBuilder, kind: Any, address: Any, offset: int = 0) -> Any:
    """Unaligned load."""
    return builder.load(pointer(builder, address, kind, offset), align=1)


def store(builder: ir.IRBuilder, value: Any, address: Any, offset: int = 0) -> None:
    """Unaligned store."""
    builder.store(value, pointer(builder, address, value.type, offset), align=1)


def call(builder: ir.IRBuilder, name: str, returns: Any, arguments: Sequence[Any]) -> Any:
    """Call an LLVM intrinsic by its full name."""
    module = builder.module
    if name not in module.globals:
        ir.Function(module, ir.FunctionType(returns, [a.type for a in arguments]), name)
    return builder.call(module.globals[name], arguments)


def lanes_below(builder: ir.IRBuilder, limit: Any, first: int = 0) -> Any:
    """Mask of 16 lanes: ``first + lane < limit`` (limit int32, signed)."""
    numbers = ir.Constant(I32X16, [I32(first + lane) for lane in range(16)])
    return builder.icmp_signed("<", numbers, splat(builder, limit))


def masked_load(builder: ir.IRBuilder, kind: ir.VectorType, address: Any, mask: Any) -> Any:
    """Load of the lanes in ``mask``; the others read as zero and touch no memory."""
    suffix = "f32" if kind.element is F32 else "i32"
    zero = ir.Constant(kind, None)
    where = pointer(builder, address, kind)
    name = f"llvm.masked.load.v16{suffix}.p0"
    return _masked(builder, name, kind, where, [mask, zero])


def masked_store(builder: ir.IRBuilder, value: Any, address: Any, mask: Any) -> None:
    """Store of the lanes in ``mask``."""
    suffix = "f32" if value.type.element is F32 else "i32"
    where = pointer(builder, address, value.type)
    name = f"llvm.masked.store.v16{suffix}.p0"
    module = builder.module
    if name not in module.globals:
        kinds = [value.type, where.type, I32, mask.type]
        ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    builder.call(module.globals[name], [value, where, I32(4), mask])


def _masked(builder: Any, name: str, kind: Any, where: Any, rest: Sequence[Any]) -> Any:
    module = builder.module
    if name not in module.globals:
        kinds = [where.type, I32, *[r.type for r in rest]]
        ir.Function(module, ir.FunctionType(kind, kinds), name)
    return builder.call(module.globals[name], [where, I32(4), *rest])


def loop(
    builder: ir.IRBuilder, count: Any, carried: Sequence[Any], body: Callable[..., Sequence[Any]]
) -> list[Any]:
    """``for _ in range(count): carried = body(*carried)``; registers only, ``count`` int64 >= 0."""
    before = builder.block
    head = builder.append_basic_block("head")
    inside = builder.append_basic_block("body")
    after = builder.append_basic_block("after")
    builder.branch(head)
    builder.position_at_end(head)
    left = builder.phi(I64)
    left.add_incoming(count, before)
    values = [builder.phi(value.type) for value in carried]
    for phi, value in zip(values, carried, strict=True):
        phi.add_incoming(value, before)
    builder.cbranch(builder.icmp_signed(">", left, I64(0)), inside, after)
    builder.position_at_end(inside)
    following = body(*values)
    left.add_incoming(builder.sub(left, I64(1)), builder.block)
    for phi, value in zip(values, following, strict=True):
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return values
