"""Finds, merges and checks machine files."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import msgspec

from npuemu import data
from npuemu.errors import UserError
from npuemu.isa.table import CORE_PIPES, MEMORIES, PIPES, Record
from npuemu.isa.table import load as load_isa
from npuemu.machine.schema import Figure, MachineFile, Timing

FEATURES = ("mx", "l0c_ub", "ub_l1", "c1v")
REQUIRED_MEMORIES = ("L1", "L0A", "L0B", "L0C", "BT", "FB", "UB")
MAX_MEMORY = 1 << 26
MAX_L0A = 1 << 19
"""The Cube's kernels widen the whole left operand in a scratch memory made for this much of it."""
MAX_GROUPS = 42
"""Core groups that the engine's keys can number (three cores each)."""
_LARGEST = 1 << 20
_HIGHEST = {
    "die.groups": MAX_GROUPS,
    "die.clock_mhz": _LARGEST,
    "die.queue_depth": 1024,
    "banks.group_shift": 40,
    "banks.bank_shift": 40,
    "banks.write_lag": 40,
    "global_memory.misaligned_percent": 800,
    "global_memory.smallest_request": 65536,
    "global_memory.limit": 1 << 40,
    "sync.cross_core_latency": _LARGEST,
    "scalar.cycles": _LARGEST,
    "scalar.load_local": _LARGEST,
    "scalar.load_global": _LARGEST,
}
"""Figures beyond which the engine's 64-bit integers could overflow."""
_ENTRIES: dict[str, Any] = {"memory": Figure, "timing": Timing, "casts.pairs": list[str]}
"""Tables with names of their own choosing, and what their entries are."""
PAIR, C1V = 1, 4
"""Cross-core mode of the cube with one vector core: its ids go up to 31."""


class MachineError(UserError):
    """A machine that does not exist or makes no sense; the message names the file and the key."""


def _names() -> tuple[str, ...]:
    return tuple(sorted(p.stem for p in data.folder("machines").glob("*.toml")))


names: tuple[str, ...] = _names()
"""Built-in machines by name."""


@dataclass(frozen=True, eq=False)
class Machine:
    """A checked machine file and what the rest of the package asks of it.

    One is no other, so that what is derived from it can be kept.
    """

    file: MachineFile
    source: Path

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.file.name

    @property
    def title(self) -> str:
        """A line for people."""
        return self.file.title

    @property
    def groups(self) -> int:
        """Core groups: the most blocks of a launch."""
        return self.file.die.groups.value

    @property
    def clock_mhz(self) -> int:
        """Core clock."""
        return self.file.die.clock_mhz.value

    @cached_property
    def features(self) -> frozenset[str]:
        """Optional abilities that instructions may require."""
        return frozenset(self.file.features)

    @cached_property
    def capacity(self) -> dict[str, int]:
        """Bytes of each local memory; 0 for one that the machine lacks."""
        figures = self.file.memory
        return {
            m: figures[m].value if m in figures else 0 for m in MEMORIES if m not in ("GM", "UB1")
        }

    @property
    def gm_limit(self) -> int:
        """Bytes of GM that the emulation allows."""
        return self.file.global_memory.limit.value

    def refuse(self, record: Record, values: Mapping[str, Any]) -> str | None:
        """Why this machine lacks a form of an instruction, or None. ``values``: operand numbers
        by name.
        """
        for feature in sorted(record.requires - self.features):
            return f"{self.name} has no {record.name} (it needs the feature {feature!r})"
        if record.name == "vconv":
            return self._refuse_cast(record, values)
        for operand in record.suffixes:
            assert operand.enum is not None
            symbol = operand.enum.symbol(int(values[operand.name]))
            if operand.enum.name == "ctype" and symbol not in self.file.types.cube:
                has = ", ".join(self.file.types.cube)
                return f"the Cube of {self.name} has no {symbol}; it has {has}"
            if operand.enum.name == "vtype" and symbol not in self.file.types.vector:
                return f"the vector unit of {self.name} has no {symbol}"
        if record.name.startswith("cross_core"):
            return self._refuse_cross(record, values)
        return None

    def objection(self, record: Record, values: Mapping[str, Any], core: str) -> str | None:
        """Why a ``core`` ("cube", "vector") section of this machine cannot hold an instruction.

        ``values``: operand numbers by name, registers as such. None if it can.
        """
        if not record.runs_on(core):
            return f"{record.name} does not run on a {core} core"
        reason = self.refuse(record, values)
        if reason is not None:
            return reason
        for operand in record.operands:
            if operand.enum is not None and operand.enum.name in ("pipe", "bpipe"):
                symbol = str(operand.enum.symbol(int(values[operand.name])))
                if symbol != "ALL" and symbol not in CORE_PIPES[core]:
                    return f"a {core} core has no pipe {symbol}"
        if record.name in ("set_flag", "wait_flag") and values["src"] == values["dst"]:
            return f"{record.name} needs two different pipes"
        if record.name.startswith("cross_core"):
            flag = values["id"]
            if core == "vector" and isinstance(flag, int) and flag > 15:
                return f"id = {flag} is outside 0 .. 15 on a vector core"
            if core == "cube" and values.get("mode") == PAIR:
                return "mode pair belongs to the vector cores"
        return None

    def _refuse_cross(self, record: Record, values: Mapping[str, Any]) -> str | None:
        c1v = "c1v" in self.features
        if values.get("mode") == C1V and not c1v:
            return f"{self.name} has no cross-core mode c1v"
        flag = values["id"]
        if isinstance(flag, int) and flag > 15 and not (c1v and values.get("mode", C1V) == C1V):
            return f"id = {flag} is outside 0 .. 15"
        return None

    def _refuse_cast(self, record: Record, values: Mapping[str, Any]) -> str | None:
        pair = record.operand("pair").enum
        rounds = record.operand("round").enum
        assert pair is not None and rounds is not None
        wanted, mode = pair.symbol(int(values["pair"])), rounds.symbol(int(values["round"]))
        allowed = self.file.casts.pairs.get(str(wanted))
        if allowed is None:
            source, _, target = str(wanted).partition("_")
            chain = self.cast_chain(source, target)
            use = f"; use {', then '.join(chain)}" if chain else ""
            return f"{self.name} has no cast {wanted}{use}"
        if mode not in allowed:
            return f"cast {wanted} of {self.name} rounds by {', '.join(allowed)}, not {mode}"
        return None

    def cast_chain(self, source: str, target: str) -> list[str]:
        """Shortest chain of casts from one type to another; empty when there is none."""
        paths: dict[str, list[str]] = {source: []}
        queue = [source]
        while queue:
            here = queue.pop(0)
            for pair in self.file.casts.pairs:
                a, _, b = pair.partition("_")
                if a == here and b not in paths:
                    paths[b] = [*paths[here], pair]
                    queue.append(b)
        return paths.get(target, [])

    def timing(self, record: Record, values: Mapping[str, Any]) -> Timing:
        """The time row of an instruction: its class, its name, its suffixes, each refining the
        one before.
        """
        keys = [record.table, record.name]
        for operand in record.suffixes:
            assert operand.enum is not None
            keys.append(f"{keys[-1]}.{operand.enum.symbol(int(values[operand.name]))}")
        if values.get("transpose") == 1:
            keys.append(f"{record.name}.transpose")
        merged: dict[str, Any] = {}
        for key in keys:
            row = self.file.timing.get(key)
            if row is not None:
                merged |= {k: v for k, v in msgspec.structs.asdict(row).items() if v is not None}
        if not merged:
            raise MachineError(
                f"{self.source}: no timing for {record.name} (key timing.{record.name})"
            )
        return msgspec.convert(merged, Timing)

    def accumulation(self) -> str:
        """Name of the Cube's accumulation model."""
        return self.file.arithmetic.accumulation

    def protected(self, pipe: str) -> bool:
        """Whether the hardware orders dependent instructions of a pipe by itself."""
        return pipe in self.file.protection.pipes.value


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Deep merge; a figure, a list or a plain value is replaced as a whole."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        plain = isinstance(value, dict) and isinstance(old, dict) and "value" not in value
        merged[key] = _merge(old, value) if plain and isinstance(old, dict) else value
    return merged


@lru_cache(maxsize=32)
def _parsed(text: str) -> dict[str, Any]:
    """A file's dictionary, shared by all that read the same text: not to be changed."""
    return tomllib.loads(text)


def _read(path: Path, depth: int = 0) -> dict[str, Any]:
    """A file's dictionary with its bases merged in."""
    try:
        if path.exists() and not path.is_file():
            raise MachineError(f"cannot read machine file {path}: not a regular file")
        raw = _parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MachineError(f"cannot read machine file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MachineError(f"{path}: not a TOML file: {error}") from None
    except ValueError as error:  # a path that no file can have
        raise MachineError(f"cannot read machine file {str(path)!r}: {error}") from None
    base = raw.get("base")
    if base is None:
        return raw
    if not isinstance(base, str) or depth > 8:
        raise MachineError(f"{path}: key base: must name a machine, without a cycle")
    try:
        found = _find(base, path.parent)
    except MachineError as error:
        raise MachineError(f"{path}: key base: {error}") from None
    return _merge(_read(found, depth + 1), raw)


def _find(name: str, beside: Path | None = None) -> Path:
    """A built-in machine's file, or a file beside the one that names it."""
    if name in names:
        return data.folder("machines") / f"{name}.toml"
    if beside is not None and (beside / f"{name}.toml").is_file():
        return beside / f"{name}.toml"
    other = "or the path of a TOML file" if beside is None else "or NAME for NAME.toml beside it"
    known = f"built in: {', '.join(names)}; {other}"
    raise MachineError(f"no machine {name!r}{_near(name, names)} ({known})")


def _check(path: Path, file: MachineFile) -> None:
    """What the types cannot say."""

    def refuse(key: str, why: str) -> None:
        raise MachineError(f"{path}: key {key}: {why}")

    isa = load_isa()
    for memory in REQUIRED_MEMORIES:
        if memory not in file.memory:
            refuse(f"memory.{memory}", "is missing")
    for memory, figure in file.memory.items():
        if memory not in MEMORIES or memory in ("GM", "UB1"):
            refuse(f"memory.{memory}", "no such local memory")
        highest = MAX_L0A if memory == "L0A" else MAX_MEMORY
        if figure.value > highest or figure.value % 64:
            refuse(f"memory.{memory}", f"must be a multiple of 64 up to {highest} bytes")
    for feature in file.features:
        if feature not in FEATURES:
            refuse("features", f"unknown feature {feature!r}; known: {', '.join(FEATURES)}")
    if "mx" in file.features and not {"L0A_MX", "L0B_MX"} <= set(file.memory):
        refuse("memory.L0A_MX", "a machine with the feature mx needs L0A_MX and L0B_MX")
    for key, wanted, enum in (
        ("types.cube", file.types.cube, "ctype"),
        ("types.vector", file.types.vector, "vtype"),
    ):
        for symbol in wanted:
            if symbol not in isa.enums[enum].values:
                refuse(key, f"unknown type {symbol!r}")
    for pair, rounds in file.casts.pairs.items():
        if pair not in isa.enums["pair"].values:
            refuse(f"casts.pairs.{pair}", "unknown cast")
        if not rounds or not set(rounds) <= set(isa.enums["round"].values):
            refuse(
                f"casts.pairs.{pair}", f"rounding modes are {', '.join(isa.enums['round'].values)}"
            )
    for pipe in file.protection.pipes.value:
        if pipe not in PIPES:
            refuse("protection.pipes", f"unknown pipe {pipe!r}")
    for key in ("line", "align"):
        value = getattr(file.global_memory, key).value
        if value & (value - 1) or value > 65536:
            refuse(f"global_memory.{key}", "must be a power of two up to 65536")
    for key in ("groups", "banks"):
        value = getattr(file.banks, key).value
        if value & (value - 1) or value > 32:
            refuse(f"banks.{key}", "must be a power of two up to 32")
    for key, highest in _HIGHEST.items():
        table, _, name = key.partition(".")
        if getattr(getattr(file, table), name).value > highest:
            refuse(key, f"at most {highest}")
    _check_timing(path, file)


def _check_timing(path: Path, file: MachineFile) -> None:
    """Every time row is named after an instruction and complete where it must be."""
    isa = load_isa()
    for key, row in file.timing.items():
        for part, value in msgspec.structs.asdict(row).items():
            numbers = value if isinstance(value, tuple) else (value,)
            if any(isinstance(n, int) and n > _LARGEST for n in numbers):
                raise MachineError(f"{path}: key timing.{key}.{part}: at most {_LARGEST}")
        if row.kind == "global" and (
            row.bytes_per_cycle is None or row.miss_bytes_per_cycle is None
        ):
            raise MachineError(
                f"{path}: key timing.{key}: kind global needs both bytes_per_cycle figures"
            )
    for record in isa.records:
        if record.is_data and record.requires <= set(file.features):
            if record.name not in file.timing and record.table not in file.timing:
                raise MachineError(f"{path}: key timing.{record.name}: is missing")


def _named(raw: dict[str, Any], where: str) -> str:
    """The key of a validation error with the name of a table's entry, which the library leaves
    out.
    """
    table, unnamed, rest = where.partition("[...]")
    if not unnamed or table not in _ENTRIES:
        return where
    node = raw
    for part in table.split("."):
        node = node[part]
    for name, value in node.items():
        try:
            msgspec.convert(value, _ENTRIES[table])
        except msgspec.ValidationError:
            return f"{table}.{name}{rest}"
    return where


def _is_row(key: str) -> bool:
    """Whether a time row's key names an instruction, its first suffixes, or its transposed form."""
    isa = load_isa()
    name, *suffixes = key.split(".")
    if name not in isa.by_name:
        return not suffixes
    record = isa.by_name[name]
    if suffixes == ["transpose"]:
        return any(o.name == "transpose" for o in record.operands)
    sets = [o.symbols() for o in record.suffixes]
    return len(suffixes) <= len(sets) and all(
        s in symbols for s, symbols in zip(suffixes, sets, strict=False)
    )


def _check_names(path: Path, raw: dict[str, Any]) -> None:
    """Misspelt tables and instructions, before their contents are looked at; names the nearest."""
    isa = load_isa()
    for key in raw:
        if key not in MachineFile.__struct_fields__:
            raise MachineError(
                f"{path}: key {key}: unknown{_near(key, MachineFile.__struct_fields__)}"
            )
    known = [*isa.by_name, *{r.table for r in isa.records}]
    timing = raw.get("timing")
    for key in timing if isinstance(timing, dict) else ():
        name = key.split(".")[0]
        if name not in known:
            raise MachineError(f"{path}: key timing.{key}: no such instruction{_near(name, known)}")
        if not _is_row(key):
            raise MachineError(f"{path}: key timing.{key}: {name} has no such form")


def _near(name: str, known: Iterable[str]) -> str:
    """``; did you mean ...?`` when something is near."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


@cache
def _checked(path: Path, text: bytes) -> Machine:
    """The machine of a merged file; cached by content, so that an edit of a base counts too."""
    raw = msgspec.json.decode(text)
    _check_names(path, raw)
    try:
        file = msgspec.convert(raw, MachineFile)
    except msgspec.ValidationError as error:
        message = str(error)
        what, _, where = message.partition(" - at `$.")
        key = _named(raw, where.rstrip("`")) if where else "(top level)"
        raise MachineError(f"{path}: key {key}: {what}") from None
    _check(path, file)
    return Machine(file, path)


def load(name: str) -> Machine:
    """A built-in machine by name, or a machine file by path (ends in .toml or contains a slash).

    Raises `MachineError`, one line that names the file and the wrong key.
    """
    path = Path(name) if name.endswith(".toml") or "/" in name else _find(name)
    raw = _read(path)
    try:
        text = msgspec.json.encode(raw)
    except TypeError:
        raise MachineError(
            f"{path}: holds a value that no machine file has, such as a date"
        ) from None
    return _checked(path, text)


__all__ = ["Machine", "MachineError", "load", "names"]
