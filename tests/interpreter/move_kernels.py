"""Small random kernels of moves and fractal loads, and of scalar instructions."""

from __future__ import annotations

import random

WINDOW = 16384
HEAD = f""".kernel one
.machines ascend910b1, ascend950pr
.tensor X u8 [{WINDOW}] in
.tensor Y u8 [{WINDOW}] out
"""
SETUP = """li r1, X
li r2, Y
li r3, 0
"""
MULTIPLY = """set_flag MTE1, M, 0
wait_flag MTE1, M, 0
{mmad}
set_flag M, FIX, 0
wait_flag M, FIX, 0
{fix}
halt
"""


def _dump_l1(length: int) -> str:
    """L1 from address 0 into Y, by the scalar unit, behind every other pipe."""
    return f"""pipe_barrier ALL
li r20, 0
next:
add r22, r2, r20
ld.b64 r23, L1, r20
st.b64 r23, GM, r22
add r20, r20, 8
blt r20, {length}, next
halt
"""


def gm_l1_kernel(rng: random.Random) -> str:
    """`mov_gm_l1` or `nd2nz_gm_l1`."""
    lines = [HEAD, ".section cube", SETUP, f"add r1, r1, {rng.choice((0, 0, 3, 64))}"]
    lines.append(f"li r5, {32 * rng.randint(0, 8)}")
    if rng.random() < 0.5:
        bursts, length = rng.choice((0, 1, 3, 5)), 32 * rng.randint(0, 4)
        src, dst = rng.choice((0, 7, 128, 200)), 32 * rng.randint(0, 6)
        lines.append(f"mov_gm_l1 r5, r1, {bursts}, {length}, {src}, {dst}")
    else:
        rows, length = rng.choice((0, 1, 7, 16, 20)), rng.choice((0, 1, 31, 32, 33, 80))
        above = rows + rng.choice((0, 0, 3))
        lines.append(f"nd2nz_gm_l1 r5, r1, {rows}, {length}, {rng.randint(0, 100)}, {above}")
    return "\n".join([*lines, _dump_l1(4096)])


def ub_kernel(rng: random.Random) -> str:
    """`mov_gm_ub` into the window, then `mov_ub_gm` of all, or the other way round."""
    lines = [HEAD, ".section vector", SETUP, "subblock_idx r4\nbne r4, 0, end"]
    bursts, length = rng.choice((0, 1, 3, 5)), rng.randint(0, 150)
    wide, narrow = rng.randint(0, 300), 32 * rng.randint(0, 8)
    if rng.random() < 0.5:
        left, right = rng.choice((0, 0, 5, 31)), rng.choice((0, 0, 1, 31))
        lines.append(f"li r5, {32 * rng.randint(0, 8)}\nadd r1, r1, {rng.randint(0, 9)}")
        lines.append(f"mov_gm_ub r5, r1, {bursts}, {length}, {wide}, {narrow}, {left}, {right}")
        lines.append("set_flag MTE2, MTE3, 7\nwait_flag MTE2, MTE3, 7")
        lines.append(f"mov_ub_gm r2, r3, len={WINDOW}")
    else:
        lines.append(f"mov_gm_ub r3, r1, len={WINDOW}")
        lines.append("set_flag MTE2, MTE3, 7\nwait_flag MTE2, MTE3, 7")
        lines.append(f"li r5, {32 * rng.randint(0, 8)}\nadd r2, r2, {rng.randint(0, 9)}")
        lines.append(f"mov_ub_gm r2, r5, {bursts}, {length}, {narrow}, {wide}")
    return "\n".join([*lines, "end: halt"])


def load_kernel(rng: random.Random, side: str, kind: str) -> str:
    """`load_l1_l0a` or `load_l1_l0b`, and a product by the unit matrix that shows the bytes.

    The unit matrix of 32 x 32 bytes comes last in X.
    """
    turned = kind != "b4" and rng.random() < 0.6
    rows, columns = rng.randint(0, 4), rng.randint(0, 4)
    if turned and kind == "b8":
        rows -= rows % 2
    stride = rng.choice((rows, columns * 2, 5, 0))
    other = "b" if side == "a" else "a"
    lines = [HEAD, ".section cube", SETUP, f"mov_gm_l1 r3, r1, len={WINDOW}"]
    lines.append("set_flag MTE2, MTE1, 0\nwait_flag MTE2, MTE1, 0")
    lines.append(f"li r5, {32 * rng.randint(0, 4)}\nli r6, {512 * rng.randint(0, 2)}")
    lines.append(f"li r7, {WINDOW - 1024}\nload_l1_l0{other}.b8 r3, r7, 2, 1, 2")
    operands = f"r6, r5, {rows}, {columns}, {stride}, {int(turned)}"
    lines.append(f"load_l1_l0{side}.{kind} {operands}")
    m, n = (112, 32) if side == "a" else (32, 112)
    mmad = f"mmad.s8 r3, r3, r3, {m}, {n}, 32, init=zero"
    fix = f"fix_l0c_gm.none_b32 r2, r3, {m}, {n}, {m // 16}, {4 * n}"
    return "\n".join([*lines, MULTIPLY.format(mmad=mmad, fix=fix)])


def unit_matrix() -> bytes:
    """32 x 32 bytes in fractals of 16 rows."""
    return b"".join(bytes(int(q == row) for q in range(32)) for row in range(32))


def crossing_kernel(rng: random.Random) -> str:
    """`mov_l1_ub` to both vector cores, then `mov_ub_l1` back from both, on machines that can."""
    core = rng.choice(("aiv0", "aiv1"))
    length, bursts = 32 * rng.randint(0, 5), rng.randint(0, 4)
    strides = f"{32 * rng.randint(0, 7)}, {32 * rng.randint(0, 7)}"
    back = f"{32 * rng.randint(0, 7)}, {32 * rng.randint(0, 7)}"
    return "\n".join(
        [
            HEAD,
            ".section cube",
            SETUP,
            "mov_gm_l1 r3, r1, len=4096\nset_flag MTE2, MTE1, 0\nwait_flag MTE2, MTE1, 0",
            f"li r5, {32 * rng.randint(0, 7)}",
            f"mov_l1_ub r3, r5, {bursts}, {length}, {strides}, core={core}",
            "cross_core_set_flag cv, MTE1, 3\ncross_core_wait_flag S, 4",
            _dump_l1(4096),
            ".section vector",
            "subblock_idx r4\nmul r5, r4, 2048\nadd r5, r5, 2048\nli r3, 0",
            "cross_core_wait_flag MTE3, 3",
            f"mov_ub_l1 r5, r3, {bursts}, {length}, {back}",
            "cross_core_set_flag cv, MTE3, 4\nhalt",
        ]
    )


def scalar_kernel(rng: random.Random) -> str:
    """Register arithmetic, branches, loads and stores, every result stored."""
    edges = (0, 1, -1, 2, 63, 64, 65, -(1 << 63), (1 << 63) - 1, 0xFFFFFFFF, -(1 << 31))
    lines = [HEAD, ".section cube", SETUP]
    for r in range(4, 12):
        lines.append(f"li r{r}, {rng.choice((rng.choice(edges), rng.getrandbits(63)))}")
    place = 0
    for number in range(40):
        a, b = rng.randint(4, 11), rng.randint(4, 11)
        second = rng.choice((f"r{b}", str(rng.choice((0, 1, -1, 5, 63, 64, -(1 << 31), 1 << 30)))))
        name = rng.choice("add sub mul div rem shl shr sra and or xor min max".split())
        if name in ("div", "rem"):
            second = second if second not in ("0", f"r{b}") else "-3"
        lines.append(f"{name} r12, r{a}, {second}")
        branch = rng.choice("beq bne blt bge bgt ble bltu bgeu".split())
        lines.append(f"{branch} r{b}, {second}, over{number}\nadd r12, r12, 1\nover{number}:")
        lines.append(f"st.b64 r12, GM, r2, {place}\nmov r{rng.randint(4, 11)}, r12")
        kind = rng.choice("u8 s8 u16 s16 u32 s32 b64".split())
        size = {"8": 1, "6": 2, "2": 4, "4": 8}[kind[-1]]
        lines.append(f"ld.{kind} r13, GM, r1, {size * rng.randint(0, 100)}")
        into = rng.choice(("u8", "u16", "u32", "b64"))
        lines.append(f"not r14, r13\nst.b64 r13, GM, r2, {place + 8}")
        lines.append(f"st.{into} r14, L1, r3, {place}\nld.b64 r15, L1, r3, {place}")
        lines.append(f"st.b64 r15, GM, r2, {place + 16}")
        place += 24
    return "\n".join([*lines, "halt"])
