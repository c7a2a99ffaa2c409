"""Vector instructions against exact arithmetic: whole UB images, random bits, every type."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from npuemu.jit import compile_unit, cpu
from npuemu.units import vector
from npuemu.units.vector import half_native, half_portable
from npuemu.units.vector.plans import CONVERSIONS, TABLE, plan
from tests.oracles import vector_oracle as oracle

Bytes = npt.NDArray[np.uint8]
UB_BYTES, GUARD, SCRATCH = 192 << 10, 4096, 16 << 20
FULL = (1 << 128) - 1
DST, A, B, C = 0, 48 << 10, 96 << 10, 144 << 10
ROUNDS = ("rint", "floor", "ceil", "round", "trunc", "odd")
FLOATS = ("f32", "f16", "bf16")
INTEGERS = ("s32", "s16", "s8")

# Zeros, subnormals, ones, halves, largest values, infinities, NaNs with and without payload.
SPECIAL: dict[str, list[int]] = {
    "f32": [
        0x0, 0x1, 0x7FFFFF, 0x800000, 0x3F800000, 0x3F000000, 0x7F7FFFFF,
        0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF, 0x33000000, 0x33800000, 0x387FE000,
        0x38800000, 0x477FEFFF, 0x477FF000, 0x47800000, 0x4B000000, 0x4AFFFFFF, 0x4F000000,
        0x4EFFFFFF, 0x42B17218, 0x42AFFFFF, 0x3FC00000, 0x40200000, 0x46FFFF00, 0x47000000,
        0x43000000,
    ],
    "f16": [0x0, 0x1, 0x3FF, 0x400, 0x3C00, 0x3800, 0x7BFF, 0x7C00, 0x7C01, 0x7E00, 0x7FFF],
    "bf16": [0x0, 0x1, 0x7F, 0x80, 0x3F80, 0x3F00, 0x7F7F, 0x7F80, 0x7F81, 0x7FC0, 0x7FFF],
}  # fmt: skip


@cache
def compiled(name: str) -> Any:
    """A callable step; the compiled object is kept by the cache."""
    unit = compile_unit(vector.resolve(name))
    call = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)(unit.address)
    return unit, call


class Device:
    """A UB between guard bytes, scratch full of rubbish, and the two argument blocks."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.memory = self.rng.integers(0, 256, UB_BYTES + 2 * GUARD, dtype=np.uint8)
        self.ub = self.memory[GUARD:-GUARD]
        self.scratch = shared_scratch()
        self.ctx, self.ops = np.zeros(64, np.int64), np.zeros(32, np.int64)
        self.ctx[14], self.ctx[15] = self.ub.ctypes.data, UB_BYTES
        self.ctx[35], self.ctx[36] = self.scratch.ctypes.data, SCRATCH

    def put(self, at: int, codes: npt.ArrayLike, kind: str) -> None:
        raw = np.asarray(codes)
        if oracle.width(kind) == 4:
            raw, kind = raw[0::2] | raw[1::2] << np.array(4, raw.dtype), "u8"
        data = raw.astype(f"<u{oracle.width(kind) // 8}").view(np.uint8)
        self.ub[at : at + len(data)] = data

    def get(self, at: int, count: int, kind: str) -> npt.NDArray[Any]:
        size = oracle.width(kind) // 8
        if size == 0:
            packed = self.ub[at : at + count // 2]
            return np.stack([packed & 15, packed >> 4], 1).ravel()
        return self.ub[at : at + count * size].view(f"<u{size}").copy()

    def run(self, name: str, enums: Mapping[str, str], operands: Mapping[str, int],
            mask: int = FULL, counter: bool = False) -> int:  # fmt: skip
        """One instruction; the status of the first step that fails."""
        slots = {operand: 8 + i for i, operand in enumerate(operands)}
        words = [mask & (1 << 64) - 1, mask >> 64 & (1 << 64) - 1, *operands.values()]
        signed = [w - (1 << 64) if w >> 63 else w for w in (w & (1 << 64) - 1 for w in words)]
        self.ops[:] = 0
        self.ops[2:4], self.ops[4] = signed[:2], counter
        self.ops[8 : 8 + len(operands)] = signed[2:]
        for step, arg in plan(name, enums, slots):
            status = compiled(step)[1](self.ctx.ctypes.data, self.ops.ctypes.data, arg)
            if status:
                return int(status)
        return 0


@cache
def shared_scratch() -> Bytes:
    return np.full(SCRATCH, 0xA5, np.uint8)


def random_codes(kind: str, count: int, seed: int) -> npt.NDArray[np.uint64]:
    """Random words, a quarter of them special values of either sign."""
    rng, bits = np.random.default_rng(seed), oracle.width(kind)
    codes = rng.integers(0, 1 << bits, count, dtype=np.uint64)
    signs = rng.integers(0, 2, count, dtype=np.uint64) << np.uint64(bits - 1)
    edges = [0, 1, (1 << (bits - 1)) - 1, 127, 128, (1 << bits) - 1, 1 << (bits - 1)]
    special = np.array(SPECIAL.get(kind, edges), np.uint64)
    chosen = special[rng.integers(0, len(special), count)] ^ signs
    return np.where(rng.random(count) < 0.25, chosen, codes) & np.uint64((1 << bits) - 1)


def check(device: Device, name: str, enums: Mapping[str, str], operands: Mapping[str, int],
          mask: int = FULL, counter: bool = False) -> None:  # fmt: skip
    """Run on the device and on the oracle; every byte of UB and guards must agree."""
    before = device.memory.copy()
    expected = oracle.execute(name, enums, operands, device.ub.tobytes(), mask, counter)
    assert device.run(name, enums, operands, mask, counter) == 0
    before[GUARD:-GUARD] = np.frombuffer(expected, np.uint8)
    wrong = np.flatnonzero(before != device.memory)
    assert wrong.size == 0, (
        f"{name} {dict(enums)}: {wrong.size} bytes differ, first {wrong[:4] - GUARD}"
    )


def lanewise_cases() -> list[tuple[str, str]]:
    plain = (n for n, r in TABLE.items() if r.family in ("lanewise", "compare", "select", "shift"))
    return [(name, kind) for name in plain for kind in TABLE[name].types]


def operands_of(name: str, seed: int, kind: str) -> dict[str, int]:
    """Dense operands at fixed places."""
    sources = [s for s in TABLE[name].sources if s and s not in ("scalar", "dst")]
    out = {"dst": DST, **dict(zip(sources, (A, B), strict=False))}
    if "scalar" in TABLE[name].sources:
        out["scalar"] = int(random_codes(kind, 1, seed)[0]) | 0x5A5A << 48
    if name in ("vshl", "vshr"):
        out["count"] = (0, 1, 5, 7, 8, 15, 16, 31, 32, 33, 64, 1 << 63)[seed % 12]
    if name == "vsel":
        out["sel"] = C
    return out


@pytest.mark.parametrize("name, kind", lanewise_cases())
def test_random_bits(name: str, kind: str) -> None:
    """Dense operands, all types, random and special codes."""
    conditions = ("eq", "ne", "lt", "le", "gt", "ge") if name.startswith("vcmp") else ("",)
    repeats = 2 if name in ("vexp", "vln") else 6
    for seed, cond in enumerate(conditions * (1 if compares(name) else 3)):
        device = Device(seed)
        lanes = repeats * 2048 // oracle.width(kind)
        device.put(A, random_codes(kind, lanes, 3 * seed), kind)
        device.put(B, random_codes(kind, lanes, 3 * seed + 1), kind)
        device.put(DST, random_codes(kind, lanes, 3 * seed + 2), kind)
        if name.startswith("vcmp"):
            device.ub[B : B + lanes] = device.ub[A : A + lanes]
        operands = {**operands_of(name, seed, kind), "rep": repeats}
        check(device, name, {"type": kind, "cond": cond}, operands)


def compares(name: str) -> bool:
    """Has the instruction a condition?"""
    return name.startswith("vcmp")


MASKS = [FULL, 1, 0, (1 << 17) - 1, 0x5555_0000_FFFF_0001_8000_0000_F0F0_0101, 1 << 63 | 1 << 127]


STRIDED = [
    ("vadd", "f32"), ("vadd", "f16"), ("vmul", "bf16"), ("vsub", "s16"), ("vmla", "f16"),
    ("vcmp", "s32"), ("vsel", "f16"), ("vmov", "b32"), ("vcmps", "bf16"), ("vadds", "s8"),
    ("vdup", "b16"),
]  # fmt: skip
STRIDES = [
    ((1, 1, 1), (8, 8, 8)), ((1, 1, 1), (9, 8, 0)), ((2, 1, 3), (16, 11, 24)),
    ((3, 0, 0), (1, 0, 8)),
]  # fmt: skip


@pytest.mark.parametrize("name, kind", STRIDED)
@pytest.mark.parametrize("blocks, repeats", STRIDES)
def test_strides_and_masks(
    name: str, kind: str, blocks: tuple[int, ...], repeats: tuple[int, ...]
) -> None:
    operands = operands_of(name, 5, kind)
    names = [o for o in ("dst", "src", "src0", "src1") if o in operands]
    for o, block, repeat in zip(names, blocks, repeats, strict=False):
        operands[f"{o}_blk"], operands[f"{o}_rep"] = block, repeat
    for i, mask in enumerate(MASKS if oracle.width(kind) > 8 else [FULL]):
        check(Device(i), name, {"type": kind, "cond": "lt"}, {**operands, "rep": 5}, mask)
    lanes = 2048 // oracle.width(kind)
    for count in (0, 1, 13, lanes - 1, lanes, lanes + 1, 3 * lanes + 29):
        check(
            Device(count), name, {"type": kind, "cond": "ge"}, {**operands, "rep": 0}, count, True
        )


def test_operands_are_read_before_any_is_written() -> None:
    overlap = {"dst": A, "src0": A - 32, "src1": A + 64, "rep": 4}
    check(Device(1), "vadd", {"type": "s16"}, overlap)
    check(Device(2), "vadd", {"type": "s32"}, {**overlap, "dst_rep": 0, "src0_rep": 0})


def conversion_codes(kind: str, seed: int, count: int) -> npt.NDArray[np.uint64]:
    """Random and special codes; for f32 also values near the grids of the narrower types."""
    codes = random_codes(kind, count, seed)
    if kind == "f32":
        rng = np.random.default_rng(seed)
        exponent = rng.integers(100, 160, count, dtype=np.uint64) << np.uint64(23)
        tail = rng.choice([0, 0x1000, 0xFFF, 0x1001, 0x8000, 0x7FFF, 0x8001, 1], count).astype(
            np.uint64
        )
        near = exponent | (rng.integers(0, 1 << 10, count, dtype=np.uint64) << np.uint64(13)) | tail
        near |= rng.integers(0, 2, count, dtype=np.uint64) << np.uint64(31)
        codes = np.where(np.arange(count) % 2 == 0, near, codes)
    return codes


@pytest.mark.parametrize("mode", ("none", *ROUNDS))
@pytest.mark.parametrize("pair", CONVERSIONS)
def test_convert(pair: str, mode: str) -> None:
    source, target = pair.split("_")
    lanes = 2048 // max(oracle.width(source), oracle.width(target))
    device, repeats = Device(), 1 if mode == "none" else 2048 // lanes
    device.put(A, conversion_codes(source, len(mode), repeats * lanes), source)
    operands = {"dst": DST, "src": A, "rep": repeats}
    check(device, "vconv", {"pair": pair, "round": mode}, operands)
    strided = {**operands, "rep": 3, "dst_blk": 2, "src_blk": 1, "dst_rep": 9, "src_rep": 8}
    mask = FULL if "e2m1" in pair else 0x00F0_FF01_0000_0010
    check(device, "vconv", {"pair": pair, "round": mode}, strided, mask)
    check(device, "vconv", {"pair": pair, "round": mode}, strided, lanes + 6, True)


@pytest.mark.slow
@pytest.mark.parametrize("pair", [p for p in CONVERSIONS if oracle.width(p.split("_")[0]) <= 16])
def test_convert_every_code(pair: str) -> None:
    source, target = pair.split("_")
    total = 1 << oracle.width(source)
    for mode in ROUNDS:
        for start in range(0, total, 8192):
            device = Device()
            count = min(8192, total)
            codes = np.arange(start, start + count)
            device.put(A, codes, source)
            status = device.run("vconv", {"pair": pair, "round": mode},
                                {"dst": DST, "src": A, "rep": 0}, count, True)  # fmt: skip
            assert status == 0
            expected = [oracle.convert(pair, mode, int(c)) for c in codes]
            np.testing.assert_array_equal(device.get(DST, count, target), expected)


def portable_pair(name: str) -> list[Any]:
    return [compile_unit(getattr(module, name)) for module in (half_native, half_portable)]


@pytest.mark.skipif("f16c" not in cpu(), reason="the CPU does not convert binary16")
def test_half_native_equals_portable() -> None:
    """All 65536 codes in, two million float32 out."""
    device, results = Device(), []
    args = dict(
        plan("vconv", {"pair": "f16_f32", "round": "none"}, {"dst": 8, "src": 9, "rep": 10})
    )
    rng = np.random.default_rng(0)
    for unit in portable_pair("load_f16"):
        call = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)(unit.address)
        loaded = []
        device.ops[4], device.ops[2], device.ops[9] = 1, 65536, 0
        device.ub[:131072] = np.arange(65536, dtype=np.uint16).view(np.uint8)
        assert call(device.ctx.ctypes.data, device.ops.ctypes.data, args["load_f16"]) == 0
        loaded = device.scratch[: 4 * 65536].view(np.float32).copy()
        results.append(np.where(np.isnan(loaded), np.float32(7), loaded).view(np.uint32))
    np.testing.assert_array_equal(*results)
    words = rng.integers(0, 1 << 32, 1 << 21, dtype=np.uint64).astype(np.uint32)
    words[::2] = (words[::2] & 0x80FFFFFF) | (rng.integers(0x30, 0x50, 1 << 20) << 24).astype(
        np.uint32
    )
    stored: list[list[Any]] = [[], []]
    args = dict(plan("vadd", {"type": "f16"}, {"dst": 8, "src0": 9, "src1": 9, "rep": 10}))
    for out, unit in zip(stored, portable_pair("store_f16"), strict=True):
        call = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 3)(unit.address)
        for chunk in words.reshape(-1, 65536):
            device.scratch[: 4 * 65536] = chunk.view(np.uint8)
            device.ops[8] = 0
            assert call(device.ctx.ctypes.data, device.ops.ctypes.data, args["store_f16"]) == 0
            out.append(device.ub[:131072].view(np.uint16).copy())
    np.testing.assert_array_equal(stored[0], stored[1])


def test_resolve_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPUEMU_PORTABLE", "1")
    assert vector.resolve("load_f16") is half_portable.load_f16
    with pytest.raises(KeyError):
        vector.resolve("load_f8")


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("name", ["vcadd", "vcmax", "vcmin", "vcgadd", "vcgmax", "vcgmin"])
def test_reductions(name: str, kind: str) -> None:
    lanes = 2048 // oracle.width(kind)
    for i, mask in enumerate([*MASKS, 0xFF00, (1 << 5, 2 * lanes + 9), (0, 3 * lanes), (0, 1)]):
        device, counter = Device(i), isinstance(mask, tuple)
        codes = random_codes(kind, 5 * lanes, i)
        if i % 2:  # ordinary values, so that not every sum is NaN
            values = np.random.default_rng(i).normal(size=5 * lanes).astype(np.float32)
            codes = {"f32": values.view(np.uint32), "bf16": values.view(np.uint32) >> 16,
                     "f16": values.astype(np.float16).view(np.uint16)}[kind]  # fmt: skip
        device.put(A, codes, kind)
        device.put(A, [0x80000000 >> (32 - oracle.width(kind))] * (lanes // 4), kind)
        operands = {"dst": DST, "src": A, "rep": 5, **({"dst_rep": 3} if i % 3 else {})}
        check(
            device,
            name,
            {"type": kind},
            operands,
            mask[1] if isinstance(mask, tuple) else mask,
            counter,
        )


@pytest.mark.parametrize("kind", ["b16", "b32"])
def test_broadcast_and_gather(kind: str) -> None:
    size, lanes = oracle.width(kind) // 8, 2048 // oracle.width(kind)
    for i, mask in enumerate(MASKS):
        strides = {"dst_blk": 1 + i % 2, "dst_rep": 9 + 8 * (i % 2)}
        check(Device(i), "vbrcb", {"type": kind}, {"dst": DST, "src": A, "rep": 6, **strides}, mask)
        device = Device(i)
        device.put(A, device.rng.integers(0, 4096 // size, 6 * lanes) * size, "b32")
        operands = {"dst": DST, "offsets": A, "base": B, "span": 4096, "rep": 6, **strides}
        check(device, "vgather", {"type": kind}, operands, mask)
    check(Device(9), "vbrcb", {"type": kind}, {"dst": DST, "src": A, "rep": 0}, 3 * lanes + 7, True)


def test_gather_checks_its_offsets() -> None:
    operands = {"dst": DST, "offsets": A, "base": B, "span": 100, "rep": 1}
    cases = [
        (96, "b32", 0), (97, "b32", 117), (100, "b32", 117), (98, "b16", 0), (99, "b16", 117),
        (0xFFFFFFFC, "b32", 117),
    ]  # fmt: skip
    for offset, kind, status in cases:
        device = Device()
        device.put(A, np.zeros(128), "b32")
        device.put(A + 20, [offset], "b32")
        before = device.ub.copy()
        assert device.run("vgather", {"type": kind}, operands) == status
        if status:
            assert list(device.ctx[41:43]) == [offset, 5]
            np.testing.assert_array_equal(before, device.ub)
        assert device.run("vgather", {"type": kind}, operands, FULL ^ 1 << 5) == 0


def test_too_many_lanes_are_refused() -> None:
    operands = {"dst": DST, "src": A, "scalar": 1, "rep": 0, "dst_blk": 0, "dst_rep": 0}
    for count in ((1 << 19) + 1, 1 << 40, 1 << 63):
        assert Device().run("vdup", {"type": "b32"}, operands, count, True) == 118
        assert Device().run("vmov", {"type": "b8"}, operands, count, True) == 118


def test_every_plan_resolves() -> None:
    slots = {o: 8 + i for i, o in enumerate(["dst", "src", "src0", "src1", "scalar", "count", "sel",
                                            "offsets", "base", "span", "rep"])}  # fmt: skip
    used = set()
    for name, recipe in TABLE.items():
        for kind in recipe.types:
            for cond in ("eq", "ne", "lt", "le"):
                used |= {s for s, _ in plan(name, {"type": kind, "cond": cond}, slots)}
    for pair in CONVERSIONS:
        for mode in ROUNDS:
            used |= {s for s, _ in plan("vconv", {"pair": pair, "round": mode}, slots)}
    assert used == set(vector.names())
    for bad in [
        ("vfoo", {"type": "f32"}), ("vdiv", {"type": "s32"}),
        ("vcmp", {"type": "f32", "cond": "un"}), ("vconv", {"pair": "s8_bf16", "round": "rint"}),
    ]:  # fmt: skip
        with pytest.raises(ValueError):
            plan(*bad, slots)
