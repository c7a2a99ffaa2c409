"""Compiles a record's expressions into a small three-address program: its footprint.

The footprint of an instruction says, from its operands: which are out of range or misaligned,
what memory
regions it reads and writes, how many units of work, multiply-adds and elements it is. The
programs run in
the engine's jitted interpreter (``npuemu.engine.footprint``); values known at assembly are
folded away here.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from npuemu.isa.table import MEM, Isa, Operand, Record

# Operations. Columns of an operation: opcode, destination, then sources (slots of the value file).
(ADD, SUB, MUL, FLOORDIV, MOD, EQ, NE, LT, LE, GT, GE, MAX, MIN, CDIV, SELECT, LOOKUP) = range(16)
(CHECK_RANGE, CHECK_ALIGN, CHECK_ZERO, VECTOR_STATE, FINISH) = range(16, 21)
(LINEAR, STRIDED, NEST, FRACTAL_TILE, L0C_TILE, NZ_OUT, VLANES) = range(24, 31)
COLUMNS = 14

# Value file: operands, results of the vector state, temporaries; constants and lookup tables above.
SLOT_L0A_NZ = 16
SLOT_REPS, SLOT_LAST, SLOT_COUNTER, SLOT_ACTIVE = 17, 18, 19, 20
SLOT_TEMPORARY = 24
SLOT_CONSTANT = 96
VALUES = 8192
SYMBOL = 1 << 20
"""Stands for a slot that a launch has still to give: the first constant of a compiled program."""

_BINARY: dict[type[ast.AST], tuple[int, Callable[[int, int], int]]] = {
    ast.Add: (ADD, operator.add),
    ast.Sub: (SUB, operator.sub),
    ast.Mult: (MUL, operator.mul),
    ast.FloorDiv: (FLOORDIV, operator.floordiv),
    ast.Mod: (MOD, operator.mod),
    ast.Eq: (EQ, lambda a, b: int(a == b)),
    ast.NotEq: (NE, lambda a, b: int(a != b)),
    ast.Lt: (LT, lambda a, b: int(a < b)),
    ast.LtE: (LE, lambda a, b: int(a <= b)),
    ast.Gt: (GT, lambda a, b: int(a > b)),
    ast.GtE: (GE, lambda a, b: int(a >= b)),
    ast.Or: (MAX, lambda a, b: int(bool(a or b))),
    ast.And: (MIN, lambda a, b: int(bool(a and b))),
}
_FUNCTIONS: dict[str, tuple[int, Callable[[int, int], int]]] = {
    "max": (MAX, max),
    "min": (MIN, min),
    "cdiv": (CDIV, lambda a, b: -(-a // b)),
}
_SHAPES = {
    "linear": LINEAR,
    "strided": STRIDED,
    "nest": NEST,
    "fractal_tile": FRACTAL_TILE,
    "l0c_tile": L0C_TILE,
    "nz_out": NZ_OUT,
    "vlanes": VLANES,
}
# Short forms of the tables: shape, memory in front, extra arguments behind.
_SHORT = {
    "a_tile": ("fractal_tile", "L0A", ("l0a_nz",)),
    "a_scales": ("fractal_tile", "L0A_MX", ("2", "l0a_nz")),
    "l0c_tile": ("l0c_tile", "L0C", ()),
    "vlanes": ("vlanes", None, ("lanes", "reps", "last", "counter")),
    "vpairs": ("vlanes", None, ("lanes // 2", "reps", "last // 2", "counter")),
}


_ARGUMENTS = {LINEAR: 1, STRIDED: 3, NEST: 5, FRACTAL_TILE: 4, L0C_TILE: 3, NZ_OUT: 5, VLANES: 7}
"""Arguments of a shape call after memory and base."""
_SOURCES = {LOOKUP: 1, SELECT: 3, CHECK_ZERO: 1, VECTOR_STATE: 3, FINISH: 3}
_FIRST = {CHECK_ZERO: 1, VECTOR_STATE: 1, FINISH: 1}
"""Sources of an operation where they are not two, and their first column where it is not the
third.
"""


class Symbols:
    """Constants and lookup tables of one program, numbered from ``SYMBOL`` in their order."""

    def __init__(self) -> None:
        self.found: dict[int | tuple[int, ...], int] = {}

    def constant(self, value: int) -> int:
        """What stands for the slot of a constant."""
        return self.found.setdefault(int(value), SYMBOL + len(self.found))

    def lookup(self, table: tuple[int, ...]) -> int:
        """What stands for the first slot of a lookup table."""
        return self.found.setdefault(table, SYMBOL + len(self.found))


@dataclass
class Pool:
    """Constants and lookup tables shared by all programs, at ``SLOT_CONSTANT`` and above of the
    value file.
    """

    values: list[int] = field(default_factory=list)
    _constants: dict[int, int] = field(default_factory=dict)
    _tables: dict[tuple[int, ...], int] = field(default_factory=dict)

    def constant(self, value: int) -> int:
        """Slot that holds a constant."""
        if value not in self._constants:
            self._constants[value] = SLOT_CONSTANT + len(self.values)
            self.values.append(value)
        return self._constants[value]

    def lookup(self, table: tuple[int, ...]) -> int:
        """First slot of a lookup table."""
        if table not in self._tables:
            self._tables[table] = SLOT_CONSTANT + len(self.values)
            self.values.extend(table)
        return self._tables[table]


@dataclass(frozen=True)
class Slot:
    """A value known only when the instruction is dispatched."""

    index: int


Known = int | Slot


@cache
def enum_tables(isa: Isa) -> dict[str, tuple[int, ...]]:
    """Lookup tables that expressions may index: ``BITS_<enum>``, ``SRC_BITS`` and ``DST_BITS``
    of casts.
    """
    tables = {
        f"BITS_{e.name}": tuple(e.bits[s] for s in sorted(e.values, key=e.values.__getitem__))
        for e in isa.enums.values()
        if e.bits
    }
    pairs = isa.enums["pair"].values
    sides = [s.split("_") for s in sorted(pairs, key=pairs.__getitem__)]
    bits = isa.enums["vtype"].bits | isa.enums["xtype"].bits
    tables["SRC_BITS"] = tuple(bits[a] for a, _ in sides)
    tables["DST_BITS"] = tuple(bits[b] for _, b in sides)
    return tables


@cache
def _parsed(text: str) -> ast.expr:
    """The tree of an expression string."""
    return ast.parse(text, mode="eval").body


class Compiler:
    """One footprint program. ``known`` maps operand names to values fixed in the word."""

    def __init__(
        self,
        record: Record,
        known: dict[str, int],
        tables: dict[str, tuple[int, ...]],
        pool: Symbols,
    ):
        self.record = record
        self.tables = tables
        self.pool = pool
        self.rows: list[list[int]] = []
        self.names: dict[str, Known] = dict(MEM)
        self.names |= {o.name: known.get(o.name, Slot(i)) for i, o in enumerate(record.operands)}
        self.names["l0a_nz"] = Slot(SLOT_L0A_NZ)
        self.temporaries = SLOT_TEMPORARY

    def slot(self, value: Known) -> int:
        """The slot of a value, in the constant pool if it is known."""
        return value.index if isinstance(value, Slot) else self.pool.constant(value)

    def emit(self, op: int, *columns: int) -> None:
        """Append an operation."""
        self.rows.append([op, *columns] + [0] * (COLUMNS - 1 - len(columns)))

    def operate(self, op: int, *sources: Known) -> Slot:
        """Emit an operation into a new temporary."""
        target = Slot(self.temporaries)
        self.temporaries += 1
        if self.temporaries > SLOT_CONSTANT:
            raise ValueError(f"{self.record.name}: too many temporaries")
        self.emit(op, target.index, *(self.slot(s) for s in sources))
        return target

    def binary(self, rule: tuple[int, Callable[[int, int], int]], a: Known, b: Known) -> Known:
        """Fold, simplify or emit a two-operand operation."""
        op, fold = rule
        if isinstance(a, int) and isinstance(b, int):
            return fold(a, b)
        if op == MUL and (a == 0 or b == 0):
            return 0
        if (op == ADD and b == 0) or (op in (MUL, FLOORDIV) and b == 1):
            return a
        if (op == ADD and a == 0) or (op == MUL and a == 1):
            return b
        return self.operate(op, a, b)

    def value(self, node: ast.expr) -> Known:
        """Evaluate an expression node."""
        match node:
            case ast.Constant(value=int() as number):
                return int(number)
            case ast.Name(id=name):
                return self.names[name]
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self.binary(_BINARY[ast.Sub], 0, self.value(inner))
            case ast.BinOp(left=left, op=op, right=right):
                return self.binary(_BINARY[type(op)], self.value(left), self.value(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.binary(_BINARY[type(op)], self.value(left), self.value(right))
            case ast.BoolOp(op=op, values=[first, second]):
                return self.binary(_BINARY[type(op)], self.value(first), self.value(second))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.select(self.value(test), self.value(body), self.value(orelse))
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                return self.lookup(self.tables[name], self.value(index))
            case ast.Call(func=ast.Name(id=name), args=[first, second]):
                return self.binary(_FUNCTIONS[name], self.value(first), self.value(second))
        raise ValueError(f"{self.record.name}: cannot compile {ast.unparse(node)!r}")

    def select(self, test: Known, yes: Known, no: Known) -> Known:
        """``yes if test else no``."""
        if isinstance(test, int):
            return yes if test else no
        return self.operate(SELECT, test, yes, no)

    def lookup(self, table: tuple[int, ...], index: Known) -> Known:
        """``table[index]``."""
        if isinstance(index, int):
            return table[index]
        target = self.operate(LOOKUP, index)
        self.rows[-1][3] = self.pool.lookup(table)
        return target

    def expression(self, text: str) -> Known:
        """Compile an expression string."""
        return self.value(_parsed(text))

    def check(self, index: int, operand: Operand) -> None:
        """Range and alignment of an operand that comes from a register."""
        value = self.names[operand.name]
        if isinstance(value, int) or (operand.kind == "reg" and operand.mem is None):
            return
        code = 103 if operand.mem is not None else 101
        low, high = self.pool.constant(operand.lo), self.pool.constant(operand.hi)
        self.emit(CHECK_RANGE, value.index, low, high, code, index)
        if operand.align > 1:
            self.emit(CHECK_ALIGN, value.index, self.pool.constant(operand.align), 102, index)

    def regions(self, text: str, write: int) -> None:
        """Compile ``shape(..) + shape(..)``."""

        def calls(node: ast.expr) -> list[ast.Call]:
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
                return calls(node.left) + calls(node.right)
            assert isinstance(node, ast.Call), ast.unparse(node)
            return [node]

        for call in calls(_parsed(text)):
            name = ast.unparse(call.func)
            shape, mem, extra = _SHORT.get(name, (name, None, ()))
            # The count is behind the memory and the base; lanes may have no bytes.
            count = call.args[4 if shape == "vlanes" else 1 if mem is not None else 2]
            if self.value(count) == 0:
                continue  # never touched by this form, and its base need not be computed
            arguments = [self.value(a) for a in call.args]
            if mem is not None:
                arguments.insert(0, MEM[mem])
            arguments += [self.expression(e) for e in extra]
            self.emit(_SHAPES[shape], write, *(self.slot(a) for a in arguments))

    def statement(self, text: str) -> None:
        """A ``let`` line; ``bad`` must turn out to be zero."""
        name, _, expression = text.partition(" = ")
        value = self.expression(expression)
        if name == "bad":
            old = self.names.get("bad", 0)
            value = (
                self.binary(_BINARY[ast.Add], old, value) if "bad +" not in expression else value
            )
        self.names[name] = value

    def moves_with_its_addresses(self) -> bool:
        """Whether the regions only shift when the address operands change.

        True when those operands are nothing but the bases of regions: the engine then keeps the
        regions of
        the last execution and moves them.
        """
        addresses = {i for i, o in enumerate(self.record.operands) if o.mem is not None}
        for row in self.rows:
            if row[0] in (CHECK_RANGE, CHECK_ALIGN):
                continue
            if row[0] >= LINEAR:
                computed = SLOT_TEMPORARY <= row[3] < SLOT_CONSTANT
                if computed or addresses & set(row[4 : 4 + _ARGUMENTS[row[0]]]):
                    return False
            elif addresses & set(row[_FIRST.get(row[0], 2) :][: _SOURCES.get(row[0], 2)]):
                return False
        return True

    def used(self) -> int:
        """Bit mask of the operands that the footprint depends on; what is folded away does not
        count.
        """
        live: set[int] = set()
        for row in reversed(self.rows):
            if row[0] <= LOOKUP:
                if row[1] in live:
                    live |= set(row[2 : 2 + _SOURCES.get(row[0], 2)])
            elif row[0] >= LINEAR:
                live |= set(row[2 : 4 + _ARGUMENTS[row[0]]])
            elif row[0] in (CHECK_RANGE, CHECK_ALIGN):
                live.add(row[1])
            else:
                live |= set(row[1 : 1 + _SOURCES.get(row[0], 2)])
        return sum(1 << i for i in range(len(self.record.operands)) if i in live)

    def compile(self) -> list[list[int]]:
        """The program's rows."""
        for index, operand in enumerate(self.record.operands):
            self.check(index, operand)
        for text in self.record.let:
            self.statement(text)
        if self.names.get("bad", 0) != 0:
            self.emit(CHECK_ZERO, self.slot(self.names["bad"]), 101)
        if self.record.pipe == "V":
            state = (self.names["lanes"], self.names["rep"], self.names.get("pack", 1))
            self.emit(VECTOR_STATE, *(self.slot(value) for value in state))
            self.names |= {
                "reps": Slot(SLOT_REPS),
                "last": Slot(SLOT_LAST),
                "counter": Slot(SLOT_COUNTER),
                "active": Slot(SLOT_ACTIVE),
            }
        for text in self.record.reads:
            self.regions(text, 0)
        for text in self.record.writes:
            self.regions(text, 1)
        totals = (self.record.units or "0", self.record.macs or "0", self.record.elements or "0")
        self.emit(FINISH, *(self.slot(self.expression(t)) for t in totals))
        return self.rows


@dataclass(frozen=True)
class Compiled:
    """A footprint program that any launch can take over: ``constants`` (numbers, lookup tables) in
    the order of what stands for their slots; ``movable``, ``used``: as the compiler says.
    """

    rows: tuple[tuple[int, ...], ...]
    constants: tuple[int | tuple[int, ...], ...]
    movable: bool
    used: int

    def placed(self, pool: Pool) -> list[list[int]]:
        """The rows with the slots that a launch gives."""
        slots = [pool.constant(c) if isinstance(c, int) else pool.lookup(c) for c in self.constants]
        return [[v if v < SYMBOL else slots[v - SYMBOL] for v in row] for row in self.rows]


@lru_cache(1 << 12)
def compiled(isa: Isa, name: str, known: tuple[tuple[str, int], ...]) -> Compiled:
    """The program of an instruction with these known operands."""
    symbols = Symbols()
    compiler = Compiler(isa.by_name[name], dict(known), enum_tables(isa), symbols)
    rows = tuple(map(tuple, compiler.compile()))
    movable = compiler.moves_with_its_addresses()
    return Compiled(rows, tuple(symbols.found), movable, compiler.used())


@dataclass
class Programs:
    """All footprint programs of a launch, shared between equal instructions."""

    isa: Isa
    pool: Pool = field(default_factory=Pool)
    rows: list[list[int]] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    movable: list[bool] = field(default_factory=list)
    used: list[int] = field(default_factory=list)
    _seen: dict[Any, int] = field(default_factory=dict)

    def add(self, record: Record, known: dict[str, int]) -> int:
        """Number of the program for this record with these known operands."""
        key = (record.name, tuple(sorted(known.items())))
        if key not in self._seen:
            program = compiled(self.isa, *key)
            self.rows += program.placed(self.pool)
            self.movable.append(program.movable)
            self.used.append(program.used)
            self.starts.append(len(self.rows))
            self._seen[key] = len(self.starts) - 2
        return self._seen[key]
