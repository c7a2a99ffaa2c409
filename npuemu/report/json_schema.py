"""The report of a run as a typed, versioned value: `npuemu-report-2`.

`as_report` turns the plain dictionary of a run into it and refuses one that does not fit or whose
cycles do not add up; `encode` writes it. The page `docs/report-schema.md` is generated from the
classes below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from npuemu.errors import NpuemuError
from npuemu.report.identity import mistakes

SCHEMA = "npuemu-report-2"

Count = Annotated[int, Meta(ge=0)]
Kind = Literal["aic", "aiv"]
_MISTAKES = 3  # named in one message


class ReportError(NpuemuError):
    """A report that does not fit the schema or whose cycles do not add up."""


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """What all parts of a report share: immutable, no unknown keys."""


class Pipe(_Part, frozen=True):
    """Where the cycles of one pipe of one core went; they sum to the cycles of the run."""

    busy: Annotated[int, Meta(ge=0, description="cycles of own work, head and tail included")]
    stalls: Annotated[
        dict[str, Count],
        Meta(
            description="cycles of waiting by cause: the flag or barrier last released, "
            "`dispatch`, bank conflict, shared bandwidth, queue full"
        ),
    ]
    idle: Annotated[int, Meta(ge=0, description="cycles after the core's halt")]
    instructions: Annotated[int, Meta(ge=0, description="instructions the pipe executed")]


class Core(_Part, frozen=True):
    """One core of the launch."""

    core: Annotated[str, Meta(description="name of the core: block and kind")]
    pipes: Annotated[dict[str, Pipe], Meta(description="every pipe of the core by name")]


class Holder(_Part, frozen=True):
    """Who holds bytes of a local memory when its occupancy is at the peak."""

    buffer: Annotated[str, Meta(description="named buffer they lie in; empty if in none")]
    where: Annotated[str, Meta(description="file:line:column of the instruction that wrote them")]
    bytes: Annotated[int, Meta(ge=0, description="how many")]


class Buffer(_Part, frozen=True, omit_defaults=True):
    """Peak occupancy of one local memory, the maximum over the cores that have it."""

    capacity: Annotated[int, Meta(ge=0, description="bytes of the memory")]
    peak_bytes: Annotated[int, Meta(ge=0, description="most bytes live at one time")]
    peak_cycle: Annotated[int, Meta(ge=0, description="first cycle of that peak")]
    core: Annotated[str, Meta(description="the core with the peak")]
    holders: Annotated[
        list[Holder], Meta(description="who holds the bytes of the peak, the most first")
    ] = []


class TensorTraffic(_Part, frozen=True):
    """Bytes of one tensor that crossed between GM and the cores."""

    read: Annotated[int, Meta(ge=0, description="bytes read from GM")]
    write: Annotated[int, Meta(ge=0, description="bytes written to GM")]


class Traffic(_Part, frozen=True):
    """Bytes between GM and the cores."""

    gm_read_bytes: Annotated[int, Meta(ge=0, description="all bytes read from GM")]
    gm_write_bytes: Annotated[int, Meta(ge=0, description="all bytes written to GM")]
    tensors: Annotated[dict[str, TensorTraffic], Meta(description="the same by tensor")]


class Work(_Part, frozen=True):
    """Arithmetic done."""

    macs: Annotated[dict[str, Count], Meta(description="multiply-adds of the cube by input type")]
    vector_elements: Annotated[int, Meta(ge=0, description="active lanes of vector instructions")]


class Line(_Part, frozen=True):
    """Where cycles went by source line: one instruction of the text, summed over the launch.

    For every kind of core and pipe, busy cycles and stalls of each cause sum to those of the cores.
    """

    where: Annotated[str, Meta(description="file:line:column")]
    core: Annotated[Kind, Meta(description="kind of the cores: `aic` cube, `aiv` vector")]
    pipe: Annotated[
        str, Meta(description="the pipe; `S` has the scalar unit's cycles at that line")
    ]
    name: Annotated[str, Meta(description="mnemonic")]
    count: Annotated[int, Meta(ge=0, description="how often it was executed")]
    busy: Annotated[int, Meta(ge=0, description="cycles of its own work, all executions")]
    heads: Annotated[int, Meta(ge=0, description="part of busy that was spent in heads")]
    stalls: Annotated[
        dict[str, Count], Meta(description="cycles for which it kept its pipe waiting, by cause")
    ]


class Wait(_Part, frozen=True, omit_defaults=True):
    """Stalls of one pipe, split down: at which line, for what, and who ended them.

    For every kind of core, pipe and cause their cycles sum to the stalls of the cores.
    """

    core: Annotated[Kind, Meta(description="kind of the cores: `aic` cube, `aiv` vector")]
    pipe: Annotated[str, Meta(description="the pipe that waited")]
    where: Annotated[str, Meta(description="file:line:column at which it waited")]
    name: Annotated[str, Meta(description="mnemonic there")]
    cause: Annotated[str, Meta(description="cause, as in the stalls of a pipe")]
    count: Annotated[int, Meta(ge=0, description="how often it waited")]
    cycles: Annotated[int, Meta(ge=0, description="for how many cycles in all")]
    flag: Annotated[
        str, Meta(description="flag and event it waited for: `MTE1 -> M 0`; empty if for none")
    ] = ""
    set_where: Annotated[str, Meta(description="file:line:column that raised the flag")] = ""
    awaited: Annotated[
        str, Meta(description="mnemonic of the instruction whose end it waited for, if known")
    ] = ""
    awaited_where: Annotated[str, Meta(description="file:line:column of that instruction")] = ""


class Roof(_Part, frozen=True):
    """What one resource had to do, and the least cycles that takes at its full rate."""

    resource: Annotated[
        str, Meta(description="`cube bf16`, `vector`, `GM -> L1`, `L2`, `HBM` and so on")
    ]
    core: Annotated[
        Literal["aic", "aiv", "die"], Meta(description="whose it is: a kind of core, or the die")
    ]
    pipe: Annotated[str, Meta(description="pipe that uses it; empty where several do")]
    unit: Annotated[Literal["MAC", "byte", "element"], Meta(description="what is counted")]
    amount: Annotated[int, Meta(ge=0, description="how many, all cores of the launch together")]
    peak: Annotated[
        float, Meta(ge=0, description="most a cycle, of one core; for `die` of the whole die")
    ]
    cycles: Annotated[
        float, Meta(ge=0, description="least cycles for the amount, mean over its cores")
    ]
    share: Annotated[float, Meta(ge=0, description="the same as part of the run's cycles")]


class PathShare(_Part, frozen=True):
    """What one instruction of the text has of the critical path on one pipe."""

    core: Annotated[Kind, Meta(description="kind of the cores: `aic` cube, `aiv` vector")]
    pipe: Annotated[str, Meta(description="the pipe; `S`: the scalar unit's way to the line")]
    where: Annotated[str, Meta(description="file:line:column")]
    name: Annotated[str, Meta(description="mnemonic there")]
    part: Annotated[
        str,
        Meta(
            description="what the cycles are: `head`, `work`, `tail`, `bank_conflict` or "
            "`shared_bandwidth` of the instruction; `scalar`, the scalar unit on its way to it; "
            "`cross_core`, its flag on the way to another core; `gap`, not recorded"
        ),
    ]
    cycles: Annotated[int, Meta(ge=0, description="how many")]
    count: Annotated[int, Meta(ge=0, description="in how many steps of the path")]


class Bound(_Part, frozen=True):
    """The busiest pipe, and whether it bounds the run."""

    core: Annotated[Kind, Meta(description="kind of the cores: `aic` cube, `aiv` vector")]
    pipe: Annotated[str, Meta(description="the pipe that is busy for the largest part")]
    share: Annotated[
        float, Meta(ge=0, description="its busy part of the run, mean over the cores it works on")
    ]
    kind: Annotated[
        Literal["pipe", "waiting"],
        Meta(description="`pipe`: it bounds the run; `waiting`: what pipes wait for does"),
    ]
    message: Annotated[str, Meta(description="the same in words")]


class Hint(_Part, frozen=True):
    """What would make the run faster."""

    kind: Annotated[str, Meta(description="`take_turns`, `heads`, `scalar` and so on")]
    message: Annotated[str, Meta(description="what is the case, with its figures")]
    advice: Annotated[str, Meta(description="what to change")]
    gain: Annotated[
        int, Meta(ge=0, description="about how many cycles of the run it is worth, an estimate")
    ]
    evidence: Annotated[
        list[str], Meta(description="where the figures stand in the report, as JSON pointers")
    ]


class Profile(_Part, frozen=True):
    """Why a run took as long as it did, from `npuemu profile`."""

    bound: Annotated[Bound, Meta(description="what bounds the run")]
    steps: Annotated[int, Meta(ge=0, description="steps of the critical path")]
    critical_path: Annotated[
        list[PathShare],
        Meta(description="the path by instruction, the most cycles first; they sum to the run's"),
    ]
    hints: Annotated[list[Hint], Meta(description="what to change, the largest gain first")]


class Side(_Part, frozen=True):
    """The other instruction of a finding."""

    message: Annotated[str, Meta(description="what it does: its core, pipe and cycle")]
    where: Annotated[str, Meta(description="file:line of it")]


class Diagnostic(_Part, frozen=True, omit_defaults=True):
    """One finding about the kernel."""

    code: Annotated[str, Meta(description="stable code of the finding")]
    severity: Annotated[
        Literal["error", "warning", "note"],
        Meta(description="`error` makes the run's exit status 1"),
    ]
    message: Annotated[str, Meta(description="what is wrong, with both sides and addresses")]
    where: Annotated[str, Meta(description="file:line of the instruction; empty if there is none")]
    other: Annotated[
        Side | None, Meta(description="the other instruction that takes part, if there is one")
    ] = None
    help: Annotated[str, Meta(description="the repair, where it is known")] = ""


class Output(_Part, frozen=True):
    """Fingerprint of one output tensor."""

    dtype: Annotated[str, Meta(description="element type")]
    shape: Annotated[list[Count], Meta(description="extents, outermost first")]
    sha256: Annotated[str, Meta(description="hash of the tensor's bytes as they lie in GM")]


class Timings(_Part, frozen=True):
    """Other legal timings that were run, `--shuffle`; an output that differs is E205."""

    count: Annotated[int, Meta(ge=1, description="how many")]
    fewest_cycles: Annotated[int, Meta(ge=0, description="cycles of the fastest that ended well")]
    most_cycles: Annotated[int, Meta(ge=0, description="cycles of the slowest that ended well")]
    broken: Annotated[int, Meta(ge=0, description="how many ended in an error")] = 0


class Report(_Part, frozen=True, omit_defaults=True):
    """Everything counted in one run."""

    schema: Annotated[str, Meta(description=f"always `{SCHEMA}`")]
    kernel: Annotated[str, Meta(description="name of the kernel")]
    machine: Annotated[str, Meta(description="name of the machine")]
    params: Annotated[dict[str, int], Meta(description="every parameter with its value")]
    blocks: Annotated[int, Meta(ge=1, description="core groups of the launch")]
    mode: Annotated[Literal["full", "timing", "numbers"], Meta(description="what was computed")]
    cycles: Annotated[int, Meta(ge=0, description="cycles until every core had halted")]
    time_us: Annotated[float, Meta(ge=0, description="the same in microseconds of the machine")]
    cores: Annotated[list[Core], Meta(description="every core of the launch")]
    buffers: Annotated[
        dict[str, Buffer],
        Meta(description="every local memory by name; none where occupancy was not observed"),
    ]
    traffic: Annotated[Traffic, Meta(description="bytes between GM and the cores")]
    work: Annotated[Work, Meta(description="arithmetic done")]
    diagnostics: Annotated[list[Diagnostic], Meta(description="findings; empty is clean")]
    outputs: Annotated[dict[str, Output], Meta(description="every output tensor by name")]
    lines: Annotated[
        list[Line], Meta(description="cycles by source line; none where they were not counted")
    ] = []
    waits: Annotated[
        list[Wait], Meta(description="every stall by line, cause and flag; none if not counted")
    ] = []
    roofline: Annotated[
        list[Roof], Meta(description="least cycles by resource; none if not counted")
    ] = []
    timings: Annotated[
        Timings | None, Meta(description="other timings that were compared, `--shuffle`")
    ] = None
    profile: Annotated[
        Profile | None, Meta(description="critical path, bound and hints, from `npuemu profile`")
    ] = None
    checked: Annotated[
        bool, Meta(description="false: races and undefined memory were not looked for")
    ] = True
    jitter: Annotated[
        int, Meta(ge=0, description="number of the timing, `--jitter`; 0 is the machine's own")
    ] = 0


PARTS: tuple[type[Struct], ...] = (
    Report, Core, Pipe, Line, Wait, Roof, Buffer, Holder, Traffic, TensorTraffic, Work, Diagnostic,
    Side, Output, Timings, Profile, Bound, PathShare, Hint,
)  # fmt: skip


def _plain(value: Any) -> Any:
    """Dictionaries, lists and Python scalars for mappings, sequences and numpy scalars."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def as_report(report: Mapping[str, Any] | Report) -> Report:
    """The typed report of a run's dictionary.

    `ReportError` names the schema if it is another one, the field that is wrong, or the pipe and
    cause whose cycles do not add up and by how much.
    """
    if isinstance(report, Report):
        return report
    found = report.get("schema")
    if found != SCHEMA:
        of = f"of schema {found!r}" if isinstance(found, str) else "without a schema"
        raise ReportError(f"not a report of schema {SCHEMA}: it is {of}")
    try:
        typed = msgspec.convert(_plain(report), Report)
    except msgspec.ValidationError as error:
        raise ReportError(f"not a report: {error}") from None
    wrong = list(mistakes(typed))
    if wrong:
        more = f" (and {len(wrong) - _MISTAKES} more)" if len(wrong) > _MISTAKES else ""
        raise ReportError(f"not a report: {'; '.join(wrong[:_MISTAKES])}{more}")
    return typed


def encode(report: Mapping[str, Any] | Report) -> bytes:
    """The report as indented UTF-8 JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(as_report(report)), indent=2) + b"\n"


def decode(text: bytes | str) -> Report:
    """A report read back from JSON; raises `ReportError` on anything else."""
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"not a report: {error}") from None
    return as_report(found)
