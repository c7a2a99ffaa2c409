"""The vector unit: what one vector instruction does to UB, as a short list of jitted steps.

An instruction is a *plan* (``plans.plan``): load operands into contiguous temporaries, compute,
store.
Every lane is read before any lane is written, so overlapping operands see the old memory;
where strides make two lanes of the destination coincide, the later lane wins.

Importing this package imports neither numba nor numpy; ``resolve`` does, on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

Unit = Callable[[int, int, int], int]

MODULES: dict[str, tuple[str, ...]] = {
    "moves": ("load_b32", "load_bf16", "load_s16", "load_u16", "load_s8", "load_u8", "broadcast",
              "store_b32", "store_b16", "store_b8", "store_f32", "store_bf16", "fill", "gather"),
    "arithmetic": ("add_f32", "sub_f32", "mul_f32", "div_f32", "max_f32", "min_f32", "fma_f32",
                   "abs_f32", "neg_f32", "relu_f32", "sqrt_f32", "rec_f32", "rsqrt_f32"),
    "elementary": ("exp_f32", "ln_f32"),
    "integer": ("add_i32", "sub_i32", "mul_i32", "max_i32", "min_i32", "abs_i32", "neg_i32",
                "relu_i32", "and_i32", "or_i32", "xor_i32", "not_i32", "shl_i32", "shr_i32",
                "shr_u32"),
    "convert": ("round_f32", "narrow_f16", "narrow_bf16", "float_i32", "float_i32_directed",
                "saturate_f32", "saturate_i32"),
    "small_floats": ("widen_small", "narrow_small", "widen_e8m0", "narrow_e8m0", "load_b4",
                     "store_b4"),
    "compare": ("eq_f32", "ne_f32", "lt_f32", "le_f32", "eq_i32", "ne_i32", "lt_i32", "le_i32",
                "store_bits", "load_bits", "select"),
    "reduce": ("pad", "tree_add_f32", "tree_add_f16", "tree_add_bf16", "tree_max", "tree_min",
               "store_reduced"),
}  # fmt: skip
HALF = ("load_f16", "store_f16")
"""Units with a version for CPUs that convert binary16 themselves and a portable one."""


def resolve(name: str) -> Unit:
    """The plain Python function of a step, ready for ``npuemu.jit.compile_unit``.

    Follows ``npuemu.jit.cpu()``, so it must be asked again when the environment changes.
    """
    if name in HALF:
        from npuemu.jit import cpu

        module = "half_native" if "f16c" in cpu() else "half_portable"
    else:
        module = next((m for m, names in MODULES.items() if name in names), "")
        if not module:
            raise KeyError(f"no vector step named {name!r}")
    function: Unit = getattr(import_module(f"{__name__}.{module}"), name)
    return function


def names() -> list[str]:
    """All step names, for tests and for compiling everything ahead of time."""
    return [name for group in MODULES.values() for name in group] + list(HALF)
