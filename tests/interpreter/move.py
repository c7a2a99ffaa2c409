"""Data movement: strided moves, rows into fractals, fractal and scale loads."""

from __future__ import annotations

from tests.interpreter.step import Step

COLUMN = 32
FRACTAL = 512


def _strided(step: Step, source: str, target: str) -> None:
    """Bursts of `len` bytes, the later ones over the earlier ones."""
    left, right = step.ops.get("lpad", 0), step.ops.get("rpad", 0)
    for i in range(step["n_burst"]):
        data = step.access.read(source, step["src"] + i * step["src_stride"], step["len"])
        padded = bytes(left) + data + bytes(right)
        step.access.write(target, step["dst"] + i * step["dst_stride"], padded)


def mov_gm_l1(step: Step) -> None:
    """GM to L1."""
    _strided(step, "GM", "L1")


def mov_gm_ub(step: Step) -> None:
    """GM to UB, with zeros around every burst."""
    _strided(step, "GM", "UB")


def mov_ub_gm(step: Step) -> None:
    """UB to GM."""
    _strided(step, "UB", "GM")


def mov_ub_l1(step: Step) -> None:
    """UB to the L1 of the group."""
    _strided(step, "UB", "L1")


def mov_l1_ub(step: Step) -> None:
    """L1 to a vector core's UB."""
    _strided(step, "L1", "UB1" if step.symbol("core") == "aiv1" else "UB")


def _linear(step: Step, target: str) -> None:
    step.access.write(target, step["dst"], step.access.read("L1", step["src"], step["len"]))


def mov_l1_bt(step: Step) -> None:
    """L1 to the bias table."""
    _linear(step, "BT")


def mov_l1_fb(step: Step) -> None:
    """L1 to the fixpipe buffer."""
    _linear(step, "FB")


def nd2nz_gm_l1(step: Step) -> None:
    """Rows of GM into 32-byte columns of L1."""
    length = step["len"]
    for i in range(step["n"]):
        row = step.access.read("GM", step["src"] + i * step["src_stride"], length)
        for j in range(-(-length // COLUMN)):
            piece = row[j * COLUMN : (j + 1) * COLUMN].ljust(COLUMN, b"\0")
            place = step["dst"] + (j * step["dst_rows"] + i) * COLUMN
            step.access.write("L1", place, piece)


def _position(step: Step, by_column: bool, i: int, j: int, rows: int) -> int:
    """Number of the fractal in row i, column j of a tile of `rows` x `k_step` fractals."""
    return j * rows + i if by_column else i * step["k_step"] + j


def _transposed(fractals: list[bytes], size: int) -> list[bytes]:
    """The transpose of a square of elements of `size` bytes, its rows cut into as many fractals.

    fractals: 16 rows of 32 bytes each, one below the other.
    """
    square = [f[r * COLUMN : (r + 1) * COLUMN] for f in fractals for r in range(16)]
    turned = b"".join(
        row[c * size : (c + 1) * size] for c in range(COLUMN // size) for row in square
    )
    return [turned[i : i + FRACTAL] for i in range(0, len(turned), FRACTAL)]


def _load(step: Step, target: str, rows: int, by_column: bool) -> None:
    def fractal(number: int) -> bytes:
        return step.access.read("L1", step["src"] + number * FRACTAL, FRACTAL)

    def put(i: int, j: int, data: bytes) -> None:
        place = step["dst"] + _position(step, by_column, i, j, rows) * FRACTAL
        step.access.write(target, place, data)

    stride = step["src_stride"]
    size = {"b4": 0, "b8": 1, "b16": 2}[step.symbol("type")]
    for j in range(step["k_step"]):
        if not step["transpose"]:
            for i in range(rows):
                put(i, j, fractal(j * stride + i))
        elif size == 2:
            for i in range(rows):
                put(i, j, _transposed([fractal(i * stride + j)], 2)[0])
        else:
            for p in range(rows // 2):
                first = p * stride + 2 * j
                upper, lower = _transposed([fractal(first), fractal(first + 1)], 1)
                put(2 * p, j, upper)
                put(2 * p + 1, j, lower)


def load_l1_l0a(step: Step) -> None:
    """Fractals into L0A, in the machine's order."""
    _load(step, "L0A", step["m_step"], step.machine.l0a_nz)


def load_l1_l0b(step: Step) -> None:
    """Fractals into L0B."""
    _load(step, "L0B", step["n_step"], True)


def _load_scales(step: Step, target: str, rows: int, by_column: bool) -> None:
    for i in range(rows):
        for j in range(step["k_step"]):
            for r in range(16):
                place = step["src"] + (16 * i + r) * step["src_stride"] + 2 * j
                position = _position(step, by_column, i, j, rows)
                scales = step.access.read("L1", place, 2)
                step.access.write(target, step["dst"] + position * 32 + r * 2, scales)


def load_l1_l0a_mx(step: Step) -> None:
    """Scales beside L0A."""
    _load_scales(step, "L0A_MX", step["m_step"], step.machine.l0a_nz)


def load_l1_l0b_mx(step: Step) -> None:
    """Scales beside L0B."""
    _load_scales(step, "L0B_MX", step["n_step"], True)


UNITS = {
    unit.__name__: unit
    for unit in (
        mov_gm_l1,
        mov_gm_ub,
        mov_ub_gm,
        mov_ub_l1,
        mov_l1_ub,
        mov_l1_bt,
        mov_l1_fb,
        nd2nz_gm_l1,
        load_l1_l0a,
        load_l1_l0b,
        load_l1_l0a_mx,
        load_l1_l0b_mx,
    )
}
