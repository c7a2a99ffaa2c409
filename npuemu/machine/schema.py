"""The shape of a machine file: strict, so that a wrong key is refused by name."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Positive = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]


class _Strict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Immutable, unknown keys refused."""


class Figure(_Strict, frozen=True):
    """A number and where it comes from ("assumption" where there is no public source)."""

    value: Positive
    source: Annotated[str, Meta(min_length=1)]


class Names(_Strict, frozen=True):
    """A list of names and where it comes from."""

    value: list[str]
    source: str


class Die(_Strict, frozen=True):
    """The chip: core groups, clock in MHz, entries of an instruction queue."""

    groups: Figure
    clock_mhz: Figure
    queue_depth: Figure


class Layout(_Strict, frozen=True):
    """Order of the fractals in L0A."""

    l0a: Literal["zZ", "NZ"]


class Arithmetic(_Strict, frozen=True):
    """Accumulation model of the Cube."""

    accumulation: Literal["fma-chain"]
    source: str


class Types(_Strict, frozen=True):
    """Element types of the Cube and of the vector unit."""

    cube: list[str]
    vector: list[str]
    source: str


class Casts(_Strict, frozen=True):
    """Cast pairs, each with its rounding modes."""

    pairs: dict[str, list[str]]
    source: str


class Banks(_Strict, frozen=True):
    """UB banks: position of the group and bank fields in a byte address, read ports of a group."""

    group_shift: Figure
    groups: Figure
    bank_shift: Figure
    banks: Figure
    reads_per_group: Figure
    write_lag: Figure


class Protection(_Strict, frozen=True):
    """Pipes on which the hardware orders dependent instructions by itself."""

    pipes: Names


class GlobalMemory(_Strict, frozen=True):
    """GM: line in bytes, bandwidth shared by all cores in bytes a cycle, request rules, emulated
    limit.
    """

    line: Figure
    l2_bytes_per_cycle: Figure
    hbm_bytes_per_cycle: Figure
    align: Figure
    misaligned_percent: Figure
    smallest_request: Figure
    limit: Figure


class Sync(_Strict, frozen=True):
    """Cycles from a cross-core set to its visibility."""

    cross_core_latency: Figure


class Scalar(_Strict, frozen=True):
    """Cycles of a scalar instruction, and of a scalar load from local and global memory."""

    cycles: Figure
    load_local: Figure
    load_global: Figure


class Timing(_Strict, frozen=True):
    """One row of instruction times, in cycles. ``cycles`` is [numerator, denominator] a unit of
    work.
    """

    source: Annotated[str, Meta(min_length=1)]
    unit: str | None = None
    kind: Literal["plain", "global", "vector"] | None = None
    cycles: tuple[Count, Positive] | None = None
    fixed: Count | None = None
    floor: Count | None = None
    head: Count | None = None
    tail: Count | None = None
    isolated: Count | None = None
    bytes_per_cycle: Positive | None = None
    miss_bytes_per_cycle: Positive | None = None


class MachineFile(_Strict, frozen=True):
    """A whole machine file, its base merged in."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    die: Die
    memory: dict[str, Figure]
    layout: Layout
    arithmetic: Arithmetic
    types: Types
    casts: Casts
    banks: Banks
    protection: Protection
    global_memory: GlobalMemory
    sync: Sync
    scalar: Scalar
    timing: dict[str, Timing]
    features: list[str] = msgspec.field(default_factory=list)
    base: str | None = None
