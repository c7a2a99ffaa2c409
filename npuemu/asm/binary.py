"""The binary file of a kernel.

Layout, little-endian::

    0   8 bytes   magic
    8   u32       version
    12  u32       bytes of metadata
    16  u32       instructions of the cube section
    20  u32       instructions of the vector section
    24  32 bytes  SHA-256 of bytes 0..23 and of everything from byte 56 on
    56  code      16 bytes an instruction, cube then vector
        map       4 bytes an instruction: index into the metadata's locations
        metadata  msgpack: `Metadata`

A file has one form only: loading refuses anything that `dump` would not have written.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

import msgspec

from npuemu.asm.errors import AsmError, Location, Place
from npuemu.asm.messages import error
from npuemu.asm.program import MAX_INSTRUCTIONS, SECTIONS, WORD_BYTES, Buffer, Program, Tensor
from npuemu.asm.target import Machine

MAGIC = b"\x7fNPU\r\n\x1a\n"
VERSION = 2
HEADER = struct.Struct("<8sIIII32s")
MAX_METADATA = 64 << 20
MAX_BYTES = HEADER.size + 2 * MAX_INSTRUCTIONS * (WORD_BYTES + 4) + MAX_METADATA


class Metadata(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Everything but the code. Files and locations are stored once; a location is
    (file, line, column, file, line, column of the macro calls from the innermost outwards ...)."""

    name: str
    machine: str
    machines: tuple[str, ...]
    blocks: int
    params: list[tuple[str, int]]
    tensors: list[tuple[str, str, tuple[int, ...], str, int, int, tuple[int, int] | None]]
    buffers: list[tuple[str, str, int, int]]
    sections: tuple[str, ...]
    labels: list[list[tuple[str, int]]]
    files: list[str]
    locations: list[tuple[int, ...]]


def _flat(location: Location, files: dict[str, int]) -> tuple[int, ...]:
    places = (Place(location.file, location.line, location.column), *location.trace)
    numbers: list[int] = []
    for place in places:
        numbers += [files.setdefault(place.file, len(files)), place.line, place.column]
    return tuple(numbers)


def dump(program: Program) -> bytes:
    """The file of a program."""
    files: dict[str, int] = {}
    table: dict[Location, int] = {}
    rows: list[tuple[int, ...]] = []
    index: list[int] = []
    for section in program.code:
        for location in program.locations[section]:
            if location not in table:
                table[location] = len(rows)
                rows.append(_flat(location, files))
            index.append(table[location])
    metadata = Metadata(
        name=program.name,
        machine=program.machine,
        machines=program.machines,
        blocks=program.blocks,
        params=list(program.params.items()),
        tensors=[
            (t.name, t.dtype, t.shape, t.role, t.address, t.nbytes, t.bounds)
            for t in program.tensors
        ],
        buffers=[(b.name, b.mem, b.address, b.nbytes) for b in program.buffers],
        sections=tuple(program.code),
        labels=[list(program.labels[s].items()) for s in program.code],
        files=list(files),
        locations=rows,
    )
    packed = msgspec.msgpack.encode(metadata)
    code = b"".join(program.words(section) for section in program.code)
    body = code + struct.pack(f"<{len(index)}I", *index) + packed
    counts = [len(program.code.get(section, ())) for section in SECTIONS]
    head = HEADER.pack(MAGIC, VERSION, len(packed), *counts, bytes(32))[:24]
    return head + hashlib.sha256(head + body).digest() + body


def _split(data: bytes) -> tuple[bytes, bytes, bytes, list[int]]:
    """Check size, version and digest; (code, map, metadata, counts)."""
    if len(data) < HEADER.size or data[:8] != MAGIC:
        cut = bool(data) and MAGIC.startswith(data[:8])
        what = "the binary is cut off" if cut else "not a kernel binary"
        raise error("A901", what, help="'npuemu asm KERNEL -o FILE' writes one")
    _, version, packed, cube, vector, digest = HEADER.unpack_from(data)
    if version != VERSION:
        raise error("A901", f"binary version {version}, this program reads {VERSION}")
    counts = [cube, vector]
    code = HEADER.size + (cube + vector) * WORD_BYTES
    end = code + (cube + vector) * 4
    if max(counts) > MAX_INSTRUCTIONS or packed > MAX_METADATA or end + packed != len(data):
        raise error("A902", "the binary's size does not match its header")
    if hashlib.sha256(data[:24] + data[HEADER.size :]).digest() != digest:
        raise error("A902", "the binary's checksum does not match its contents")
    return data[HEADER.size : code], data[code:end], data[end:], counts


def _places(row: tuple[int, ...], files: list[str]) -> Location:
    if not row or len(row) % 3:
        raise error("A903", "a source location is malformed")
    places = []
    for file, line, column in zip(row[::3], row[1::3], row[2::3], strict=True):
        if not 0 <= file < len(files) or not (0 < line < 2**31 and 0 < column < 2**31):
            raise error("A903", "a source location is out of range")
        places.append(Place(files[file], line, column))
    return Location(*places[0], tuple(places[1:]))


def _words(code: bytes) -> Iterator[int]:
    for i in range(0, len(code), WORD_BYTES):
        yield int.from_bytes(code[i : i + WORD_BYTES], "little")


def load(data: bytes, *, machine: str | Machine | None = None) -> Program:
    """The program of a file; raises `AsmError` for anything that is not exactly right.

    machine: the machine that the caller expects; the object itself where it is the user's own.
    """
    from npuemu.asm.validate import validate

    code, mapped, packed, counts = _split(bytes(data))
    try:
        metadata = msgspec.msgpack.decode(packed, type=Metadata)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError, OverflowError):
        raise error("A903", "the binary's metadata does not decode") from None
    try:
        program = _program(metadata, code, mapped, counts)
        validate(program, machine)
        if dump(program) != data:
            raise error("A903", "the binary is not in the form that this program writes")
    except AsmError as problem:
        if problem.code[:2] in ("A8", "A9"):
            raise
        raise error("A903", f"the binary is inconsistent: {problem.summary}") from None
    return program


def _program(metadata: Metadata, code: bytes, mapped: bytes, counts: list[int]) -> Program:
    present = tuple(s for s, count in zip(SECTIONS, counts, strict=True) if count)
    if metadata.sections != present or len(metadata.labels) != len(present):
        raise error("A903", "the binary's sections do not match its header")
    rows = [_places(row, metadata.files) for row in metadata.locations]
    index = struct.unpack(f"<{len(mapped) // 4}I", mapped)
    if index and max(index) >= len(rows):
        raise error("A903", "an instruction has no source location")
    words = tuple(_words(code))
    cuts = {"cube": slice(0, counts[0]), "vector": slice(counts[0], None)}
    return Program(
        name=metadata.name,
        machine=metadata.machine,
        machines=metadata.machines,
        blocks=metadata.blocks,
        params=dict(metadata.params),
        tensors=tuple(Tensor(*t) for t in metadata.tensors),
        buffers=tuple(Buffer(*b) for b in metadata.buffers),
        code={s: words[cuts[s]] for s in present},
        locations={s: tuple(rows[i] for i in index[cuts[s]]) for s in present},
        labels={s: dict(rows) for s, rows in zip(present, metadata.labels, strict=True)},
    )
