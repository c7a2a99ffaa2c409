"""Mutants whose buffers, or the slots of a ring, lie in one another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from npuemu import api
from npuemu.asm import assembly
from npuemu.asm.layout import MEMORY_ALIGN, Layout
from npuemu.asm.program import Buffer, Program
from npuemu.isa.codec import encode
from tests.mutation.mutants import Mutant, Workshop
from tests.mutation.program import Site, isa

TILE = {"L0C": 1024, "UB": 256}
"""Bytes of a tile of L0C (16 x 16 words) and of UB (a repeat); elsewhere a fractal of 512."""
SLOTS = range(2, 5)
SLOT_NUMBERS = re.compile(
    r"\s*(mul|shl) \w+, (g_fill|g_buffer|g_l0|g_t4|mx_fill|mx_use|e[01cosw]|t|event|parity|bslot),"
)
"""How the kernels' source spells the place of a slot: a slot number times the bytes of a slot."""


@dataclass(frozen=True)
class Shape:
    """What a kernel is assembled for."""

    kernel: str
    machine: str
    blocks: int
    params: tuple[tuple[str, int], ...]

    def load(self) -> Program:
        """The program."""
        return api.load(self.kernel, machine=self.machine, blocks=self.blocks, **dict(self.params))

    def __str__(self) -> str:
        if [name for name, _ in self.params] == ["M", "N", "K"]:
            sizes = " x ".join(str(value) for _, value in self.params)
        else:
            sizes = " ".join(f"{name} {value}" for name, value in self.params)
        return f"{sizes}, {self.blocks} block{'s' * (self.blocks > 1)}"


def _moved(shape: Shape, name: str, distance: int) -> Program:
    """The kernel with one buffer elsewhere; all others stay."""

    class Moved(Layout):
        def buffer(self, *arguments: Any, **options: Any) -> Buffer:
            found = super().buffer(*arguments, **options)
            if found.name == name:
                found = replace(found, address=found.address + distance)
                self.buffers[name] = found
            return found

    with mock.patch.object(assembly, "Layout", Moved):
        return shape.load()


def _neighbours(buffer: Buffer, others: list[Buffer]) -> Iterator[tuple[Buffer, int, int]]:
    """The next buffers of the memory with the gap to them and the direction."""
    after = [b for b in others if b.address >= buffer.address + buffer.nbytes]
    before = [b for b in others if b.address + b.nbytes <= buffer.address]
    if after:
        next_one = min(after, key=lambda b: b.address)
        yield next_one, next_one.address - buffer.address - buffer.nbytes, 1
    if before:
        last = max(before, key=lambda b: b.address + b.nbytes)
        yield last, buffer.address - last.address - last.nbytes, -1


def _buffers_moved(shape: Shape, program: Program) -> Iterator[Mutant]:
    capacity = api.machine(program.machine).capacity
    for buffer in program.buffers:
        align = MEMORY_ALIGN[buffer.mem]
        same = [b for b in program.buffers if b.mem == buffer.mem and b is not buffer]
        for other, gap, way in _neighbours(buffer, same):
            smaller = min(buffer.nbytes, other.nbytes)
            tile = min(TILE.get(buffer.mem, 512), max(smaller // align * align, align))
            for size, far in (("tile", tile), ("half", max(smaller // 2 // align * align, tile))):
                distance = way * (gap + far)
                end = buffer.address + distance + buffer.nbytes
                if buffer.address + distance < 0 or end > capacity[buffer.mem]:
                    continue
                if size == "half" and far == tile:
                    continue
                text = f"{buffer.name} {distance:+} bytes, into {other.name} ({buffer.mem})"
                yield Mutant(
                    f"buffer moved by a {size}",
                    (buffer.name, way, size),
                    text,
                    lambda name=buffer.name, by=distance: _moved(shape, name, by),
                    order=False,
                )


@cache
def _source(file: str) -> list[str]:
    return Path(file).read_text(encoding="utf-8").splitlines()


def _slot_size(program: Program, site: Site, sizes: dict[int, str]) -> int:
    """Bytes of a slot that an instruction multiplies a slot number by; 0: it does not."""
    place, value = program.locations[site.section][site.index], site.values.get("b")
    if not isinstance(value, int) or not SLOT_NUMBERS.match(_source(place.file)[place.line - 1]):
        return 0
    size = {"mul": value, "shl": 1 << value if 0 <= value < 32 else 0}.get(site.record.name, 0)
    return size if size in sizes else 0


def _slots_moved(program: Program) -> Iterator[Mutant]:
    """Slots of rings nearer to each other, for one instruction that finds them and for all."""
    shop = Workshop(program)
    sizes: dict[int, str] = {}
    tiles: dict[int, int] = {}
    for buffer in program.buffers:
        for count in SLOTS:
            if buffer.nbytes % count == 0 and buffer.nbytes // count >= 32:
                sizes.setdefault(buffer.nbytes // count, buffer.name)
                tiles[buffer.nbytes // count] = TILE.get(buffer.mem, 512)
    found: dict[tuple[str, int], list[Site]] = {}
    for site in shop.sites:
        if size := _slot_size(program, site, sizes):
            found.setdefault((site.section, size), []).append(site)
    for (_, size), chosen in found.items():
        for less in sorted({min(tiles[size], size), size // 2 // 32 * 32, size}):
            if less == 0:
                continue
            words = {
                s: (encode(isa().by_name["mul"], {**s.values, "b": size - less}),) for s in chosen
            }
            text = f"slots of {size} bytes (as of {sizes[size]}) {less} bytes into each other"
            name = "all" if less == size else "half" if less == size // 2 // 32 * 32 else "tile"
            if len(chosen) > 1:
                yield replace(shop.changed("slots moved", words, name, text), order=False)
            for site in chosen:
                mutant = shop.changed("slot moved", {site: words[site]}, name, f"{text}, by {site}")
                yield replace(mutant, order=False)


def place_mutants(shape: Shape, program: Program) -> list[Mutant]:
    """All mutants that spoil the layout of a program."""
    found: dict[tuple[object, ...], Mutant] = {}
    for mutant in (*_buffers_moved(shape, program), *_slots_moved(program)):
        found.setdefault(mutant.identity, mutant)
    return list(found.values())
