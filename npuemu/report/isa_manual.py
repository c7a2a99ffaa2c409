"""Write, or check, the ISA manual: `isa/README.md`, from the tables and the machine files."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import product

from npuemu import data
from npuemu.asm.disassemble import instruction
from npuemu.isa.codec import Reg, Value, encode, immediate_range
from npuemu.isa.table import CORE_PIPES, MEMORIES, OPCODE_BITS, WORD_BITS, Operand, Record, load
from npuemu.machine import Machine
from npuemu.machine import load as load_machine
from npuemu.machine import names as machine_names
from npuemu.machine.schema import Timing
from npuemu.report.page import table, write_or_check

CHAPTERS = {
    "scalar": "Scalar",
    "sync": "Synchronisation",
    "dma": "Data movement",
    "fix": "Output conversion",
    "cube": "Cube",
    "vector": "Vector",
}
LARGE = 1 << 62
EXAMPLES = {
    "m": 128, "n": 128, "k": 64, "len": 512, "n_burst": 4, "src_stride": 512, "dst_stride": 512,
    "m_step": 8, "n_step": 8, "k_step": 4, "dst_rows": 128, "rep": 4, "span": 4096, "count": 3,
    "event": 1, "id": 2, "value": 0x3F80_0000, "b": 64, "offset": 8,
}  # fmt: skip
"""Numbers of the assembled examples by operand name; others are the lowest aligned one above 0."""


def all_machines() -> list[Machine]:
    """The built-in machines by name."""
    return [load_machine(name) for name in machine_names]


def joined(names: Iterable[str]) -> str:
    """`a`, `b` with code marks."""
    return ", ".join(f"`{n}`" for n in names)


def kind(operand: Operand) -> str:
    """The operand's kind in the words of the section on operands."""
    if operand.kind == "rd":
        return "register, written"
    if operand.kind == "reg":
        return "register"
    if operand.enum is not None:
        return f"name ([{operand.enum.name}](#{operand.enum.name}))"
    sign = "s" if operand.signed else ""
    if operand.kind == "x":
        return f"x{sign}{operand.width - 1}"
    return "label" if operand.kind == "label" else f"{sign or 'u'}{operand.width}"


def values(operand: Operand) -> str:
    """What the operand may be."""
    if operand.enum is not None:
        return " ".join(operand.symbols()) if operand.allowed is not None else "any of the set"
    if operand.mem is not None:
        return f"{operand.mem} address"
    if operand.kind == "label":
        return "an instruction"
    if operand.hi < LARGE:
        return f"{operand.lo} .. {operand.hi}"
    if operand.kind != "x":
        return "64 bits"
    lo, hi = immediate_range(operand)
    return f"64 bits; immediate {lo} .. {hi}"


def default(operand: Operand) -> str:
    """The default as it would be written, or a dash."""
    if operand.default is None:
        return "-"
    if operand.kind == "reg":
        return f"r{operand.default}"
    symbol = operand.enum.symbol(operand.default) if operand.enum is not None else None
    return symbol or str(operand.default)


def syntax(record: Record) -> str:
    """The text form: ``vadd.TYPE dst, src0, src1, rep=1, ...``."""
    name = record.name + "".join(f".{o.name.upper()}" for o in record.suffixes)
    plain = [o for o in record.operands if o not in record.suffixes]
    written = [o.name if o.default is None else f"{o.name}={default(o)}" for o in plain]
    return f"{name} {', '.join(written)}".rstrip()


def bits(msb: int, lsb: int) -> str:
    """``12..8``, or ``8``."""
    return f"{msb}..{lsb}" if msb != lsb else str(lsb)


def _reserved(record: Record) -> Iterator[tuple[int, int]]:
    """(msb, lsb) of the runs of reserved bits, lowest first."""
    mask, lsb = record.reserved, 0
    while mask >> lsb:
        while not (mask >> lsb) & 1:
            lsb += 1
        msb = lsb
        while (mask >> (msb + 1)) & 1:
            msb += 1
        yield msb, lsb
        lsb = msb + 1


def fields(record: Record) -> str:
    """The encoding as a table, bit 0 first."""
    rows: list[tuple[int, tuple[str, ...]]] = [
        (0, (bits(OPCODE_BITS - 1, 0), "opcode", "", f"0x{record.opcode:02X}", "", "", "")),
    ]
    for o in record.operands:
        align = str(o.align) if o.align > 1 else ""
        cells = (bits(o.msb, o.lsb), f"`{o.name}`", kind(o), values(o), align, default(o), o.doc)
        rows.append((o.lsb, cells))
    for msb, lsb in _reserved(record):
        rows.append((lsb, (bits(msb, lsb), "reserved", "", "0", "", "", "")))
    head = ("bits", "name", "kind", "values", "multiple of", "default", "meaning")
    return table(head, [cells for _, cells in sorted(rows)])


def _example_value(operand: Operand, number: int, record: Record, machine: Machine) -> Value:
    if operand.kind in ("rd", "reg"):
        return Reg(number if operand.default is None else operand.default)
    if operand.enum is not None:
        if operand.default is not None:
            return operand.default
        names = operand.symbols()
        return operand.enum.values[names[1 if operand.name == "dst" else 0]]
    if operand.kind == "label":
        return 0
    low = max(operand.lo, operand.align)
    value = EXAMPLES.get(operand.name, low)
    if record.name.startswith("load_l1") and operand.name == "src_stride":
        value = 8
    hi = immediate_range(operand)[1]
    value = min(value, hi) // operand.align * operand.align
    return operand.default if operand.default is not None and operand.width < 10 else value


def example(record: Record, machine: Machine) -> tuple[str, int]:
    """A text form of the instruction and its word; the operands go together on ``machine``."""
    found: dict[str, Value] = {}
    for number, operand in enumerate(record.operands, 1):
        found[operand.name] = _example_value(operand, number, record, machine)
    found |= _forms(record, machine)[0]
    return instruction(record, found, {0: "next"}), encode(record, found)


def _forms(record: Record, machine: Machine) -> list[dict[str, int]]:
    """All suffixes (and ``transpose``) that a machine has, as operand numbers."""
    choices: list[list[tuple[str, int]]] = []
    for o in record.suffixes:
        assert o.enum is not None
        choices.append([(o.name, o.enum.values[s]) for s in o.symbols()])
    if any(o.name == "transpose" for o in record.operands):
        choices.append([("transpose", 0), ("transpose", 1)])
    forms = [dict(form) for form in product(*choices)]
    probe = {o.name: 0 for o in record.operands if o not in record.suffixes}
    return [form for form in forms if machine.refuse(record, probe | form) is None]


def _form_name(record: Record, form: dict[str, int]) -> str:
    parts = [str(o.enum.symbol(form[o.name])) for o in record.suffixes if o.enum is not None]
    return ".".join(parts) + (" transposed" if form.get("transpose") else "")


def work_text(row: Timing) -> str:
    """The work part of a time row as a formula in n."""
    if row.kind == "global":
        text = f"B/{row.bytes_per_cycle} ({row.miss_bytes_per_cycle})"
    else:
        over, under = row.cycles or (1, 1)
        text = ("n" if over == 1 else f"{over}n") + (f"/{under}" if under != 1 else "")
    if row.fixed:
        text = f"{row.fixed} + {text}"
    return f"max({row.floor}, {text})" if row.floor else text


def times(record: Record) -> str:
    """Time rows, equal ones of several machines or forms put together."""
    rows: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for machine in all_machines():
        for form in _forms(record, machine):
            t = machine.timing(record, form)
            numbers = (t.head or 0, work_text(t), t.tail or 0, t.isolated or "-", t.source)
            key = tuple(str(v) for v in numbers)
            rows.setdefault(key, {}).setdefault(machine.name, []).append(_form_name(record, form))
    lines = []
    for key, uses in rows.items():
        shown: dict[tuple[str, ...], list[str]] = {}
        for name, forms in uses.items():
            shown.setdefault(tuple(forms), []).append(name)
        for forms_of, names in shown.items():
            every = len(forms_of) == len(_forms(record, load_machine(names[0])))
            lines.append((", ".join(names), "all" if every else ", ".join(forms_of), *key))
    return table(("machine", "forms", "head", "work", "tail", "isolated", "source"), lines)


def _has(record: Record) -> list[str]:
    return [m.name for m in all_machines() if _forms(record, m)]


def _lacking(record: Record) -> str:
    """Types that only some machines have."""
    notes = []
    for operand in record.suffixes:
        if operand.enum is None or operand.enum.name not in ("ctype", "vtype"):
            continue
        for symbol in operand.symbols():
            number = operand.enum.values[symbol]
            held = [
                m.name
                for m in all_machines()
                if any(form[operand.name] == number for form in _forms(record, m))
            ]
            if len(held) < len(machine_names):
                notes.append(f"`{symbol}` on {joined(held)} only")
    return "; ".join(notes)


def _touches(record: Record) -> str:
    lines = [f"let    {t}" for t in record.let]
    lines += [f"reads  {t}" for t in record.reads] + [f"writes {t}" for t in record.writes]
    lines += [f"work   {record.units}"] if record.units else []
    return "\n".join(lines)


def _time_section(record: Record) -> str:
    if record.is_data:
        return f"```\n{_touches(record)}\n```\n\n{times(record)}"
    if record.name == "ld":
        rows: dict[tuple[int, int], list[str]] = {}
        for m in all_machines():
            cycles = (m.file.scalar.load_local.value, m.file.scalar.load_global.value)
            rows.setdefault(cycles, []).append(m.name)
        shown = [(", ".join(names), *cycles) for cycles, names in rows.items()]
        return table(("machine", "cycles, L1 and UB", "cycles, GM"), shown)
    plain = {m.file.scalar.cycles.value for m in all_machines()}
    unit = "S" if record.pipe == "S" else "S to dispatch it, none on the pipe itself"
    return f"Time: {' or '.join(map(str, sorted(plain)))} cycle of {unit}.\n"


def _pipe(record: Record) -> str:
    if record.pipe.startswith("operand:"):
        return f"the pipe that `{record.pipe.removeprefix('operand:')}` names"
    return f"pipe {record.pipe}"


def section(record: Record) -> str:
    """Everything about one instruction."""
    core = "both kinds of core" if record.core == "both" else f"{record.core} core"
    machine = next(m for m in all_machines() if _forms(record, m))
    shown, word = example(record, machine)
    needs = f" (feature {joined(sorted(record.requires))})" if record.requires else ""
    have = _has(record)
    on = "all machines" if len(have) == len(machine_names) else joined(have) + needs
    lacking = _lacking(record)
    place = f"{core[0].upper()}{core[1:]}, {_pipe(record)}"
    return (
        f"### `{record.name}`\n\n{record.summary} {place}; {on}"
        f"{'; ' + lacking if lacking else ''}.\n\n```\n{syntax(record)}\n```\n\n{fields(record)}\n"
        f"```\n{record.meaning}\n```\n\n{_time_section(record)}\n"
        f"`{shown}` is `{word:0{WORD_BITS // 4}x}`.\n"
    )


def _enums() -> str:
    parts = []
    for enum in load().enums.values():
        where = "suffix" if enum.suffix else "operand"
        rows = [(s, v, enum.bits.get(s, "")) for s, v in enum.values.items()]
        head = ("name", "number") + (("bits",) if enum.bits else ())
        body = table(head, [r if enum.bits else r[:2] for r in rows])
        what = f"{enum.doc[0].upper()}{enum.doc[1:]} ({where}, {enum.width} bits)."
        parts.append(f"### {enum.name}\n\n{what}\n\n{body}")
    return "\n".join(parts)


def _casts() -> str:
    pairs = load().enums["pair"].values
    rows = []
    for pair in pairs:
        cells = [", ".join(m.file.casts.pairs.get(pair, ())) or "-" for m in all_machines()]
        rows.append((f"`{pair}`", *cells))
    return table(("cast", *machine_names), rows)


def _machine_tables() -> tuple[str, str]:
    pipes = table(("core", "pipes"), [(c, ", ".join(p)) for c, p in CORE_PIPES.items()])
    local = [m for m in MEMORIES if m not in ("GM", "UB1")]
    rows = [(n, *(m.capacity[n] or "-" for m in all_machines())) for n in local]
    return pipes, table(("bytes of memory", *machine_names), rows)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _index() -> str:
    rows = []
    for record in load().records:
        only = "" if len(_has(record)) == len(machine_names) else ", ".join(_has(record))
        pipe = record.pipe.replace("operand:", "by ")
        link = f"[`{record.name}`](#{record.name})"
        rows.append((link, record.core, pipe, f"0x{record.opcode:02X}", record.summary, only))
    return table(("instruction", "core", "pipe", "opcode", "what it does", "only on"), rows)


def page() -> str:
    """The whole manual: the general part with its tables put in, then the instructions."""
    isa = load()
    pipes, memories = _machine_tables()
    marks = {
        "count": str(len(isa.records)),
        "chapters": " · ".join(f"[{t}](#{_anchor(t)})" for t in CHAPTERS.values()),
        "index": _index(),
        "pipes": pipes,
        "memories": memories,
        "enums": _enums(),
        "casts": _casts(),
    }
    general = (data.folder("isa") / "manual.in.md").read_text(encoding="utf-8")
    for name, value in marks.items():
        general = general.replace(f"<!-- {name} -->", value.strip())
    parts = [general]
    for name, title in CHAPTERS.items():
        parts.append(f"## {title}\n")
        parts += [section(record) for record in isa.records if record.table == name]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def main(arguments: list[str]) -> int:
    """`[--check] FILE`: write the manual, or say whether the file is the manual."""
    return write_or_check(arguments, page(), "the tables say")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
