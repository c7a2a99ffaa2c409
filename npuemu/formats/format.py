"""The number formats, each defined once.

A format says how a code (an unsigned integer of ``bits`` bits) stands for a value. This module
imports neither numba nor numpy, so the assembler and the command line can use it at no cost.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

Kind = Literal["float", "int", "exponent"]
NanRule = Literal["ieee", "all_ones", "none"]


class FormatError(ValueError):
    """A name that is no format."""


@dataclass(frozen=True)
class Format:
    """One number format.

    ``kind``           ``float``: sign, exponent, mantissa; ``int``: two's complement or unsigned;
                       ``exponent``: a bare power of two, no sign, no zero
    ``nan``            ``ieee``: exponent all ones, mantissa not zero; ``all_ones``: every bit but
                       the sign is one; ``none``: the format has no NaN
    ``nan_code``       what arithmetic and casts write for NaN (zero where the format has none)
    ``saturates``      whether a cast clamps an overflow to the largest finite value by default
    ``storage``        NumPy type that holds one raw code: what ``.npy`` files of the type contain
    ``numpy_type``     NumPy type whose values are the format's values, where NumPy has one
    ``ml_dtypes_type`` the same in the ``ml_dtypes`` package, where NumPy has none
    ``safetensors``    name in a safetensors header
    """

    name: str
    kind: Kind
    bits: int
    exponent_bits: int
    mantissa_bits: int
    bias: int
    signed: bool
    has_inf: bool
    nan: NanRule
    nan_code: int
    saturates: bool
    storage: str
    numpy_type: str | None
    ml_dtypes_type: str | None
    safetensors: str

    @property
    def code_count(self) -> int:
        """Number of codes, 2**bits."""
        return 1 << self.bits

    @property
    def item_bytes(self) -> int:
        """Bytes of one code in a NumPy array (a 4-bit code takes a whole byte there)."""
        return max(self.bits // 8, 1)

    @property
    def is_packed(self) -> bool:
        """Whether two codes share one byte in global memory, the even index in the low nibble."""
        return self.bits == 4

    @property
    def is_raw(self) -> bool:
        """Whether NumPy lacks the type, so that files hold raw integers of its width."""
        return self.numpy_type is None

    @property
    def value_type(self) -> str:
        """Name of the type of the values, in NumPy or else in ``ml_dtypes``."""
        return self.numpy_type or self.ml_dtypes_type or self.storage

    @property
    def sign_bit(self) -> int:
        """Mask of the sign bit; zero for unsigned formats."""
        return 1 << (self.bits - 1) if self.signed else 0

    @property
    def min_exponent(self) -> int:
        """Exponent of the smallest normal number (float), or of code 0 (exponent)."""
        return 1 - self.bias if self.kind == "float" else -self.bias

    @property
    def max_finite_code(self) -> int:
        """Code of the largest finite value."""
        if self.kind == "int":
            return (self.code_count >> 1) - 1 if self.signed else self.code_count - 1
        largest = self.code_count - 1 - self.sign_bit
        if self.has_inf:
            return largest - (1 << self.mantissa_bits)
        return largest - 1 if self.nan == "all_ones" else largest

    @property
    def inf_code(self) -> int:
        """Code of +Inf; only formats with ``has_inf`` have one."""
        if not self.has_inf:
            raise FormatError(f"{self.name} has no Inf")
        return self.max_finite_code + 1


def _ieee(name: str, exponent: int, mantissa: int, **names: str | None) -> Format:
    bits = 1 + exponent + mantissa
    return Format(
        name=name,
        kind="float",
        bits=bits,
        exponent_bits=exponent,
        mantissa_bits=mantissa,
        bias=(1 << (exponent - 1)) - 1,
        signed=True,
        has_inf=True,
        nan="ieee",
        nan_code=((1 << (exponent + 1)) - 1) << (mantissa - 1),
        saturates=False,
        storage=f"uint{bits}",
        numpy_type=names.get("numpy"),
        ml_dtypes_type=names.get("ml"),
        safetensors=names["safe"] or "",
    )


def _integer(bits: int, signed: bool) -> Format:
    numpy_name = f"{'' if signed else 'u'}int{bits}"
    return Format(
        name=f"{'s' if signed else 'u'}{bits}",
        kind="int",
        bits=bits,
        exponent_bits=0,
        mantissa_bits=bits - signed,
        bias=0,
        signed=signed,
        has_inf=False,
        nan="none",
        nan_code=0,
        saturates=True,
        storage=f"uint{bits}",
        numpy_type=numpy_name,
        ml_dtypes_type=None,
        safetensors=f"{'I' if signed else 'U'}{bits}",
    )


F32 = _ieee("f32", 8, 23, numpy="float32", safe="F32")
F16 = _ieee("f16", 5, 10, numpy="float16", safe="F16")
BF16 = _ieee("bf16", 8, 7, ml="bfloat16", safe="BF16")
E5M2 = _ieee("e5m2", 5, 2, ml="float8_e5m2", safe="F8_E5M2")
E4M3 = Format(
    name="e4m3",
    kind="float",
    bits=8,
    exponent_bits=4,
    mantissa_bits=3,
    bias=7,
    signed=True,
    has_inf=False,
    nan="all_ones",
    nan_code=0x7F,
    saturates=True,
    storage="uint8",
    numpy_type=None,
    ml_dtypes_type="float8_e4m3fn",
    safetensors="F8_E4M3",
)
E2M1 = Format(
    name="e2m1",
    kind="float",
    bits=4,
    exponent_bits=2,
    mantissa_bits=1,
    bias=1,
    signed=True,
    has_inf=False,
    nan="none",
    nan_code=0,
    saturates=True,
    storage="uint8",
    numpy_type=None,
    ml_dtypes_type="float4_e2m1fn",
    safetensors="F4",
)
E8M0 = Format(
    name="e8m0",
    kind="exponent",
    bits=8,
    exponent_bits=8,
    mantissa_bits=0,
    bias=127,
    signed=False,
    has_inf=False,
    nan="all_ones",
    nan_code=0xFF,
    saturates=False,
    storage="uint8",
    numpy_type=None,
    ml_dtypes_type="float8_e8m0fnu",
    safetensors="F8_E8M0",
)
S32, S16, S8 = _integer(32, True), _integer(16, True), _integer(8, True)
U32, U16, U8 = _integer(32, False), _integer(16, False), _integer(8, False)

FORMATS: dict[str, Format] = {
    f.name: f for f in (F32, F16, BF16, E4M3, E5M2, E2M1, E8M0, S32, S16, S8, U8, U16, U32)
}


def get(name: str) -> Format:
    """The format called ``name``; a `FormatError` names the nearest real one."""
    try:
        return FORMATS[name]
    except KeyError:
        near = difflib.get_close_matches(name, FORMATS, n=1, cutoff=0.0)
        raise FormatError(
            f"no number format '{name}'; did you mean '{near[0]}'? (all: {', '.join(FORMATS)})"
        ) from None
