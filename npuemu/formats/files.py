"""Tensor files: ``FILE.npy``, ``FILE.npz:KEY``, ``FILE.safetensors:KEY``.

Whatever a file holds, reading it ends in a tensor or in a `TensorError` of one line. Pickles are
refused.
"""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from npuemu.formats.format import Format
from npuemu.formats.npy import keys_npz, read_npy, read_npz, write_npy, write_npz
from npuemu.formats.safetensor import keys_safetensors, read_safetensors, write_safetensors
from npuemu.formats.tensor import Array, TensorError, check_header, conform, one_line, show

_KEYED = (".npz", ".safetensors")
_EXPECTED = "expected FILE.npy, FILE.npz:KEY or FILE.safetensors:KEY"


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: a file and, in a file of many tensors, a key."""

    path: Path
    key: str | None

    @property
    def kind(self) -> str:
        """``.npy``, ``.npz`` or ``.safetensors``."""
        return self.path.suffix.lower()


@dataclass(frozen=True)
class Output:
    """A tensor to be written: its place as text, its name for messages, its format."""

    spec: str
    name: str
    fmt: Format
    array: Array


def parse(spec: str, name: str = "tensor") -> Place:
    """Split ``FILE`` or ``FILE:KEY``; a key follows the first ``.npz:`` or ``.safetensors:``."""
    lower = spec.lower()
    for suffix in _KEYED:
        at = lower.find(suffix + ":")
        if at >= 0:
            end = at + len(suffix)
            return Place(Path(spec[:end]), spec[end + 1 :])
    if lower.endswith((".npy", *_KEYED)) and Path(spec).suffix:
        return Place(Path(spec), None)
    raise TensorError(f"tensor '{name}': '{show(spec)}' is no tensor file; {_EXPECTED}")


def read(spec: str, fmt: Format, shape: Sequence[int] | None = None, name: str = "tensor") -> Array:
    """Read a tensor, checked against its format and shape (None: any); see `tensor.conform`."""
    place = parse(spec, name)
    with _reported(f"tensor '{name}': cannot read: ", spec):
        if not place.path.exists():
            raise TensorError(f"tensor '{name}': no such file")
        if not place.path.is_file():
            raise TensorError(f"tensor '{name}': not a regular file")
        if place.kind == ".safetensors":
            key = _find_key(place, keys_safetensors, name)
            return read_safetensors(place.path, key, fmt, shape, name)

        def check(dtype: np.dtype[Any], found: Sequence[int]) -> None:
            check_header(dtype, found, fmt, shape, name)

        if place.kind == ".npy":
            return conform(read_npy(place.path, check), fmt, shape, name)
        key = _find_key(place, keys_npz, name)
        return conform(read_npz(place.path, key, check), fmt, shape, name)


@contextlib.contextmanager
def _reported(prefix: str, spec: str) -> Iterator[None]:
    """Turn whatever a damaged file provokes into one `TensorError` that names the file."""
    try:
        yield
    except TensorError as error:
        raise TensorError(f"{error} (file '{show(spec)}')") from None
    except Exception as error:  # the libraries below raise a dozen types on bad input
        raise TensorError(f"{prefix}{one_line(error)} (file '{show(spec)}')") from error


def _find_key(place: Place, keys_of: Callable[[Path], list[str]], name: str) -> str:
    keys = sorted(keys_of(place.path))
    if place.key in keys:
        return place.key or ""
    if not keys:
        raise TensorError(f"tensor '{name}': the file holds no tensors")
    listed = ", ".join(show(k, 60) for k in keys[:12]) + ", ..." * (len(keys) > 12)
    if not place.key:
        raise TensorError(f"tensor '{name}': no key given; {_EXPECTED}; keys: {listed}")
    near = difflib.get_close_matches(place.key, keys, n=1, cutoff=0.5)
    hint = f"; did you mean '{show(near[0], 60)}'?" if near else ""
    raise TensorError(f"tensor '{name}': no key '{show(place.key, 60)}'{hint} (keys: {listed})")


def write(spec: str, array: Array, fmt: Format, name: str = "tensor") -> None:
    """Write one tensor; the file is replaced.

    In ``.npy`` and ``.npz`` files, types that NumPy lacks become raw ``uint8`` or ``uint16`` codes.
    """
    write_all([Output(spec, name, fmt, array)])


def write_all(outputs: Iterable[Output]) -> None:
    """Write tensors, those of one file together; every file is replaced as a whole."""
    groups: dict[Path, dict[str | None, Output]] = {}
    for output in outputs:
        place = parse(output.spec, output.name)
        if place.kind in _KEYED and not place.key:
            raise TensorError(
                f"tensor '{output.name}': no key in '{show(output.spec)}'; {_EXPECTED}"
            )
        group = groups.setdefault(place.path, {})
        if place.key in group:
            other = group[place.key].name
            raise TensorError(
                f"tensor '{output.name}': '{show(output.spec)}' already takes tensor '{other}'"
            )
        group[place.key] = output
    for path, group in groups.items():
        prefix = f"tensor '{next(iter(group.values())).name}': cannot write: "
        with _reported(prefix, str(path)), _replacing(path) as part:
            _write_file(part, path.suffix.lower(), group)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file beside ``path`` that takes its place if the body succeeds."""
    target = path.resolve()
    part = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        part.touch()
        mode = (target if target.exists() else part).stat().st_mode & 0o777
        yield part
        part.chmod(mode)  # some writers make private files
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _write_file(path: Path, kind: str, group: dict[str | None, Output]) -> None:
    tensors = {
        key or "": (conform(output.array, output.fmt, None, output.name), output.fmt)
        for key, output in group.items()
    }
    if kind == ".safetensors":
        write_safetensors(path, tensors)
        return
    plain = {
        key: array.view(fmt.storage) if fmt.is_raw else array
        for key, (array, fmt) in tensors.items()
    }
    if kind == ".npy":
        write_npy(path, plain[""])
    else:
        write_npz(path, plain)
