"""A small legal program for every record of the table, in every type the machine has."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import npuemu
from npuemu.isa.table import Operand, Record

HEAD = """
.tensor IN u8 [65536] in
.tensor WORK u8 [65536] scratch
.tensor OUT u8 [4096] out
"""
ONE_CORE = "    subblock_idx r1\n    bne r1, 0, done"
MEMORY_BASE = {"L1": 0, "L0A": 0, "L0B": 0, "L0C": 0, "BT": 0, "FB": 0, "L0A_MX": 0, "L0B_MX": 0}
UB_ADDRESS = {"dst": 0, "src": 8192, "src0": 8192, "src1": 16448, "sel": 24576, "offsets": 32768}
UB_TABLE = 49152
SIZES = {
    "m": 16, "n": 16, "k": 64, "len": 64, "n_burst": 2, "rep": 2, "m_step": 2, "n_step": 2,
    "k_step": 2, "span": 65536, "dst_rows": 16, "count": 3,
}  # fmt: skip
STRIDES = {"fix_": {"src_stride": 1, "dst_stride": 128}, "nd2nz": {"src_stride": 64}}
FIRST_REGISTER = 2


@dataclass(frozen=True)
class Smoke:
    """A program that executes ``record`` ``count`` times on one core."""

    record: Record
    text: str
    count: int
    machine: str


def address(operand: Operand, record: Record) -> str:
    """Where a memory operand points."""
    if operand.mem == "GM":
        return "IN" if operand.name == "src" else "WORK"
    if operand.mem == "UB" and record.pipe == "V":
        return str(UB_ADDRESS.get(operand.name, UB_TABLE))
    return str(MEMORY_BASE.get(operand.mem or "", 0))


def number(operand: Operand, record: Record) -> str | None:
    """An immediate, or None for the default."""
    for prefix, strides in STRIDES.items():
        if record.name.startswith(prefix) and operand.name in strides:
            return str(strides[operand.name])
    if operand.name == "src_stride" and operand.default is None:
        return "4" if record.name.startswith("load") else "64"
    if operand.name in ("src_stride", "dst_stride") and "burst" in str(record.operands):
        return "64"
    if operand.name in SIZES:
        return str(SIZES[operand.name])
    return None if operand.default is not None else "1"


def data_line(record: Record, symbols: dict[str, str]) -> list[str]:
    """Lines that set the registers of a data instruction and issue it."""
    lines, operands, register = [], [], FIRST_REGISTER
    for o in record.operands:
        if o.enum is not None and o.enum.suffix:
            continue
        if o.kind == "reg":
            value = address(o, record) if o.mem is not None else "0x3F800000"
            if o.name == "bias":
                value = "0"
            lines.append(f"    li r{register}, {value}")
            operands.append(f"{o.name}=r{register}")
            register += 1
        elif o.enum is not None:
            wanted = symbols.get(o.name)
            if wanted is not None or o.default is None:
                operands.append(f"{o.name}={wanted or o.symbols()[0]}")
        elif (text := number(o, record)) is not None:
            operands.append(f"{o.name}={text}")
    suffix = "".join(f".{symbols[o.name]}" for o in record.suffixes)
    return [*lines, f"    {record.name}{suffix} {', '.join(operands)}", "    pipe_barrier ALL"]


def variants(record: Record, machine: npuemu.machine.Machine) -> list[dict[str, str]]:
    """Suffix symbols, one dictionary a form of the instruction that the machine has."""
    found = []
    for chosen in itertools.product(*(o.symbols() for o in record.suffixes)):
        symbols = dict(zip((o.name for o in record.suffixes), chosen, strict=True))
        numbers = {o.name: o.enum.values[symbols[o.name]] for o in record.suffixes if o.enum}
        plain = {o.name: numbers.get(o.name, o.default or 0) for o in record.operands}
        if machine.refuse(record, plain) is None:
            conv = symbols.get("conv", "none")
            quant = {"quant": "scalar"} if conv in ("s32_f16", "s32_s8", "f32_s8") else {}
            found.append(symbols | quant)
    return found


def prepare(record: Record) -> list[str]:
    """Defined bytes in the UB of a vector core: gather offsets are multiples of 4 inside the
    table.
    """
    if record.pipe != "V":
        return []
    if record.name == "vgather":
        offsets = ["li r2, 32768", "li r3, 256", "vdup.b32 r2, r3, rep=8"]
        return [f"    {line}" for line in [*offsets, "pipe_barrier ALL"]]
    fill = ["li r2, 0", "li r3, IN", "mov_gm_ub r2, r3, len=65536", "pipe_barrier ALL"]
    return [f"    {line}" for line in fill]


def data_smoke(record: Record, name: str) -> Smoke:
    """All forms of a data instruction."""
    forms = variants(record, npuemu.machine(name))
    lines = prepare(record)
    for symbols in forms:
        lines += data_line(record, symbols)
    section = "cube" if record.core == "cube" else "vector"
    start = [] if section == "cube" else [ONE_CORE]
    body = [f".section {section}", *start, *lines, "done:", "    halt"]
    return Smoke(record, HEAD + "\n".join(body) + "\n", len(forms), name)


SCALAR = {
    "li": "li r2, -7", "mov": "mov r2, r3", "not": "not r2, r3", "jmp": "jmp next\nnext:",
    "block_idx": "block_idx r2", "block_num": "block_num r2", "subblock_idx": "subblock_idx r2",
    "set_vector_mask": "set_vector_mask 0, 5", "set_mask_norm": "set_mask_norm",
    "set_mask_count": "set_mask_count", "ld": "li r3, IN\n ld.u8 r2, GM, r3",
    "st": "li r3, OUT\n st.u8 r2, GM, r3", "halt": "",
    "set_flag": "set_flag V, S, 1\n wait_flag V, S, 1",
    "wait_flag": "set_flag S, V, 1\n wait_flag S, V, 1", "pipe_barrier": "pipe_barrier ALL",
    "cross_core_set_flag": "cross_core_set_flag pair, V, 3\n cross_core_wait_flag S, 3",
    "cross_core_wait_flag": "cross_core_set_flag pair, S, 3\n cross_core_wait_flag V, 3",
}  # fmt: skip


def scalar_smoke(record: Record, name: str) -> Smoke:
    """One scalar or synchronisation instruction on a vector core."""
    line = SCALAR.get(record.name)
    if line is None:
        branch = record.name.startswith("b")
        line = f"{record.name} r2, 3, next\nnext:" if branch else f"{record.name} r2, r2, 3"
    return Smoke(record, f"{HEAD}.section vector\n {line}\n halt\n", 1, name)


def smoke(record: Record) -> Smoke:
    """The program of a record, for the oldest machine that has it."""
    name = "ascend950pr" if record.requires else "ascend910b1"
    return data_smoke(record, name) if record.is_data else scalar_smoke(record, name)
