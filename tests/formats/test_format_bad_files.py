"""Damaged, hostile and mistaken tensor files: always one clear line, nothing else."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npuemu.formats.files import read, write
from npuemu.formats.format import BF16, E2M1, F32
from npuemu.formats.tensor import TensorError


def _fails(spec: object, message: str, fmt=F32, shape=(4, 6)) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TensorError) as caught:
        read(str(spec), fmt, shape, "w")
    text = str(caught.value)
    assert message in text, text
    assert text.startswith("tensor 'w': ") and "\n" not in text and len(text) < 1200


@pytest.fixture
def array() -> np.ndarray:
    return np.arange(24, dtype=np.float32).reshape(4, 6)


def test_missing_files_folders_and_devices(tmp_path: Path) -> None:
    _fails(tmp_path / "none.npy", "no such file")
    (tmp_path / "folder.npy").mkdir()
    _fails(tmp_path / "folder.npy", "not a regular file")
    os.mkfifo(tmp_path / "pipe.npz")
    _fails(f"{tmp_path}/pipe.npz:w", "not a regular file")
    _fails("bad\0name.npy", "no such file")
    _fails("line\nbreak.npy", "no such file (file 'line\\nbreak.npy')")


def test_pickles_are_refused_and_never_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    np.save(tmp_path / "object.npy", np.array([Bomb()], object), allow_pickle=True)
    np.savez(tmp_path / "object.npz", w=np.array([Bomb()], object), allow_pickle=True)
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Bomb()))
    _fails(tmp_path / "object.npy", "pickled Python objects, which are refused")
    _fails(f"{tmp_path}/object.npz:w", "pickled Python objects, which are refused")
    _fails(tmp_path / "plain.npy", "Python pickle, which is refused")
    assert not (tmp_path / "ran").exists()


def test_wrong_type_or_shape_names_both(tmp_path: Path, array: np.ndarray) -> None:
    for place in ("a.npy", "a.npz:k", "a.safetensors:k"):
        spec = f"{tmp_path}/{place}"
        write(spec, array, F32)
        _fails(spec, "expected f32 of shape [6, 4], got shape [4, 6] (transposed?)", F32, (6, 4))
        _fails(spec, f"(file '{spec}')", BF16)
        found = "F32" if "safetensors" in place else "float32"
        _fails(spec, f"got {found}", BF16)
        _fails(spec, f"got {found}", E2M1)
    np.save(tmp_path / "double.npy", array.astype(np.float64))
    _fails(tmp_path / "double.npy", "expected float32, got float64")
    _fails(f"{tmp_path}/a.safetensors:k", "expected BF16 or U16 codes, got F32", BF16)


def test_bad_keys_list_the_keys_and_the_nearest(tmp_path: Path, array: np.ndarray) -> None:
    for file in ("m.npz", "m.safetensors"):
        from npuemu.formats.files import Output, write_all

        spec = f"{tmp_path}/{file}"
        write_all([Output(f"{spec}:{k}", k, F32, array) for k in ("weight", "bias", "nan")])
        _fails(
            spec + ":wieght", "no key 'wieght'; did you mean 'weight'? (keys: bias, nan, weight)"
        )
        _fails(spec + ":#", "no key '#' (keys: bias, nan, weight)")
        _fails(spec, "no key given; expected FILE.npy, FILE.npz:KEY")
        _fails(spec + ":", "keys: bias, nan, weight")
        assert read(spec + ":nan", F32, (4, 6)).shape == (4, 6)
    many = {f"key{i}": array for i in range(99)}
    np.savez(tmp_path / "many.npz", **many)
    _fails(f"{tmp_path}/many.npz:x", ", ...)")
    with zipfile.ZipFile(tmp_path / "none.npz", "w"):
        pass
    _fails(f"{tmp_path}/none.npz:x", "the file holds no tensors")


@pytest.mark.parametrize("place", ["t.npy", "t.npz:w", "t.safetensors:w"])
def test_every_truncation_is_one_clear_line(tmp_path: Path, array: np.ndarray, place: str) -> None:
    spec = f"{tmp_path}/{place}"
    write(spec, array, F32)
    path = Path(spec.split(":")[0])
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        _fails(spec, "")
    path.write_bytes(whole[:-1])
    _fails(spec, "(file ")


def test_truncated_npy_says_how_much_is_missing(tmp_path: Path, array: np.ndarray) -> None:
    write(f"{tmp_path}/t.npy", array, F32)
    whole = (tmp_path / "t.npy").read_bytes()
    (tmp_path / "t.npy").write_bytes(whole[:-1])
    _fails(tmp_path / "t.npy", "truncated: the header promises 96 bytes, found 95")
    (tmp_path / "t.npy").write_bytes(b"")
    _fails(tmp_path / "t.npy", "it is empty")
    (tmp_path / "t.npy").write_bytes(b"hello world")
    _fails(tmp_path / "t.npy", "it is no .npy data")


def _npy(header: str) -> bytes:
    body = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body + bytes(64)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976, 64)}",
            "truncated",
        ),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}", "negative extent"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2.5,)}", "shape is not valid"),
        ("{'descr': 'zz', 'fortran_order': False, 'shape': (4,)}", "cannot read"),
        ("{'descr': '|V0', 'fortran_order': False, 'shape': (4,)}", "got void of 0 bytes"),
        ("{'descr': '<f4', 'shape': (4,)}", "cannot read"),
        ("__import__('os')", "cannot read"),
        ("((((" * 25, "cannot read"),
    ],
)
def test_hostile_npy_headers(tmp_path: Path, header: str, message: str) -> None:
    (tmp_path / "h.npy").write_bytes(_npy(header))
    _fails(tmp_path / "h.npy", message, F32, None)
    with zipfile.ZipFile(tmp_path / "h.npz", "w") as archive:
        archive.writestr("w.npy", _npy(header))
    _fails(f"{tmp_path}/h.npz:w", message, F32, None)


def test_damaged_archives(tmp_path: Path, array: np.ndarray) -> None:
    (tmp_path / "no.npz").write_bytes(b"PK\x03\x04 not an archive")
    _fails(f"{tmp_path}/no.npz:w", "File is not a zip file")
    write(f"{tmp_path}/crc.npz:w", array, F32)
    data = bytearray((tmp_path / "crc.npz").read_bytes())
    data[data.index(array.tobytes()) + 5] ^= 1
    (tmp_path / "crc.npz").write_bytes(data)
    _fails(f"{tmp_path}/crc.npz:w", "Bad CRC-32")


def _safetensors(path: Path, header: object, data: bytes = bytes(96)) -> None:
    text = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_damaged_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    entry = {"dtype": "F32", "shape": [4, 6], "data_offsets": [0, 96]}
    for header in ("not json", "[]", "{}x", {"w": {**entry, "data_offsets": [0, 97]}}):
        _safetensors(path, header)
        _fails(f"{path}:w", "cannot read")
    for change in ({"data_offsets": [96, 0]}, {"dtype": "F99"}, {"shape": [-1, 6]}, {"shape": 3}):
        _safetensors(path, {"w": {**entry, **change}})
        _fails(f"{path}:w", "cannot read")
    path.write_bytes((1 << 62).to_bytes(8, "little") + bytes(64))
    _fails(f"{path}:w", "cannot read")
    _safetensors(path, {"w": {**entry, "dtype": "F64", "shape": [4, 3]}})
    _fails(f"{path}:w", "expected F32, got F64")
    _safetensors(path, {"w": {"dtype": "F4", "shape": [2, 3], "data_offsets": [0, 3]}}, bytes(3))
    _fails(f"{path}:w", "must be even", E2M1, (2, 3))


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    data = np.arange(24, dtype=np.float32).reshape(4, 6)
    contents = {}
    for place in ("f.npy", "f.npz:w", "f.safetensors:w"):
        write(f"{folder}/{place}", data, F32)
        contents[place] = Path(f"{folder}/{place.split(':')[0]}").read_bytes()
    return contents


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["f.npy", "f.npz:w", "f.safetensors:w"]), st.data())
def test_any_damage_gives_a_tensor_or_one_line(
    tmp_path_factory: pytest.TempPathFactory,
    wholes: dict[str, bytes],
    place: str,
    data: st.DataObject,
) -> None:
    damaged = bytearray(wholes[place])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / place.split(":")[0]
    path.write_bytes(damaged)
    try:
        assert read(f"{path.parent}/{place}", F32, (4, 6), "w").shape == (4, 6)
    except TensorError as error:
        assert str(error).startswith("tensor 'w': ") and "\n" not in str(error)
