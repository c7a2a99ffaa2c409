"""The engine's state arrays, as its jitted code reaches them (see `npuemu.jit.areas`)."""

from __future__ import annotations

from npuemu.engine import state as st
from npuemu.isa import footprint as fp
from npuemu.isa import shapes
from npuemu.jit import njit, view_u8
from npuemu.jit.areas import Areas

AREAS = Areas(
    (
        "code",
        "program",
        "starts",
        "values",
        "out",
        "core",
        "registers",
        "pipe",
        "queue",
        "flags",
        "raised",
        "stalls",
        "key",
        "smallest",
        "counters",
        "releases",
        "arrivals",
        "cost",
        "machine",
        "g",
        "tensors",
        "touched",
        "ctx",
        "marks",
        "units",
        "plans",
        "profile",
        "problem",
        "trace",
        "trace_values",
        "ledger",
        "result",
        "memo",
        "origin",
        "owner",
        "stop",
        "held",
    )
)
_rows, _words, _address = AREAS.rows, AREAS.words, AREAS.address
_BIG = 1 << 40

code = _rows("code", st.CODE_COLUMNS)  # Pointer to a decoded instruction.
program = _rows("program", fp.COLUMNS)  # Pointer to an operation of a footprint program.
out = _rows(
    "out", shapes.COLUMNS
)  # Pointer to the header (0) or a region of the instruction in hand.
core = _rows("core", st.CORE_COLUMNS)  # Pointer to a core.
registers = _rows("registers", 32)  # Pointer to a core's scalar registers.
pipe = _rows("pipe", st.PIPE_COLUMNS)  # Pointer to a pipe.
queue = _rows("queue", st.SLOT_COLUMNS)  # Pointer to a queue slot, the `ops` of a unit.
flags = _rows("flags", 512)  # Pointer to a core's flags.
raised = _rows("raised", st.RAISED_COLUMNS)  # Pointer to what raised a core's flags.
stalls = _rows("stalls", st.STALLS)  # Pointer to a pipe's stall counters.
key = _rows("key", st.PIPES)  # Pointer to a core's event keys.
counters = _rows("counters", 32)  # Pointer to a core's cross-core counters.
releases = _rows("releases", st.RELEASE_COLUMNS)  # Pointer to a core's release times.
arrivals = _rows("arrivals", 256)  # Pointer to a core's arrivals.
cost = _rows("cost", st.COST_COLUMNS)  # Pointer to a time row.
tensors = _rows("tensors", st.TENSOR_COLUMNS)  # Pointer to a tensor.
ctx = _rows("ctx", 64)  # Pointer to a core's context, the `ctx` of a unit.
plans = _rows("plans", 2)  # Pointer to a step of a unit plan.
profile = _rows("profile", st.PROFILE_COLUMNS)  # Pointer to an instruction's profile.
trace = _rows("trace", st.TRACE_COLUMNS)  # Pointer to an event.
ledger = _rows("ledger", st.LEDGER_COLUMNS)  # Pointer to a row of the ledger of stalls.
trace_values = _words("trace_values")  # operand values of recorded data instructions
starts = _words("starts")
values = _words("values")
smallest = _words("smallest")
machine = _words("machine")
g = _words("g")
units = _words("units")
problem = _words("problem")
result = _words("result")
memo = _rows("memo", st.MEMO_COLUMNS)  # the last execution of an instruction row
origin = _words("origin")  # which operand is the base of each region in hand
stop = _words("stop")  # where a break stands
held = _rows("held", st.HELD_COLUMNS)  # registers of a queue slot at its dispatch
owner = _words("owner")  # which tensor holds each region of GM in hand
context = _address("ctx", 64)
marks_context = _address("marks", 64)  # the same, over the marks of undefined bytes
slot_address = _address("queue", st.SLOT_COLUMNS)
_out_address = _address("out", shapes.COLUMNS)
_touched = _address("touched", 1)


@njit(forceinline=True)
def out_address(e):
    """Address of the header and region rows."""
    return _out_address(e, 0)


@njit(forceinline=True)
def touched(e):
    """GM lines that were moved before, one byte each: an array, for slicing."""
    return view_u8(_touched(e, 0), _BIG)
