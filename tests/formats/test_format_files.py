"""Tensor files: what is written comes back, and other programs' files are understood."""

from __future__ import annotations

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from npuemu.formats import files
from npuemu.formats.files import Output, parse, read, write, write_all
from npuemu.formats.format import BF16, E2M1, E4M3, E8M0, F16, F32, FORMATS, S8, Format
from npuemu.formats.tensor import TensorError, numpy_dtype, raw_codes

EVERY = pytest.mark.parametrize("fmt", FORMATS.values(), ids=lambda f: f.name)
PLACES = ("t.npy", "t.npz:w", "t.safetensors:w")


def _sample(fmt: Format, shape: tuple[int, ...] = (6, 8)) -> np.ndarray:
    codes = np.random.default_rng(5).integers(0, fmt.code_count, shape, np.uint64)
    return codes.astype(fmt.storage).view(numpy_dtype(fmt))


@EVERY
@pytest.mark.parametrize("place", PLACES)
def test_round_trip(tmp_path: Path, fmt: Format, place: str) -> None:
    array = _sample(fmt)
    spec = str(tmp_path / place)
    write(spec, array, fmt, "w")
    back = read(spec, fmt, (6, 8), "w")
    assert back.dtype == numpy_dtype(fmt) and back.flags.c_contiguous and back.flags.writeable
    assert np.array_equal(raw_codes(back, fmt), raw_codes(array, fmt))
    assert [p.name for p in tmp_path.iterdir()] == [place.split(":")[0]]


@EVERY
def test_npy_and_npz_hold_types_that_plain_numpy_reads(tmp_path: Path, fmt: Format) -> None:
    array = _sample(fmt)
    write(str(tmp_path / "a.npy"), array, fmt)
    write(str(tmp_path / "a.npz") + ":file", array, fmt)
    with np.load(tmp_path / "a.npz") as archive:
        for loaded in (np.load(tmp_path / "a.npy"), archive["file"]):
            assert loaded.dtype == (fmt.storage if fmt.is_raw else fmt.numpy_type)
            assert loaded.shape == (6, 8)


def test_safetensors_headers_name_the_real_types(tmp_path: Path) -> None:
    outputs = [
        Output(str(tmp_path / "m.safetensors") + f":{f.name}", f.name, f, _sample(f))
        for f in FORMATS.values()
    ]
    write_all(outputs)
    raw = (tmp_path / "m.safetensors").read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert {k: v["dtype"] for k, v in header.items()} == {
        f.name: f.safetensors for f in FORMATS.values()
    }
    assert header["e2m1"]["shape"] == [6, 8]
    first, last = header["e2m1"]["data_offsets"]
    assert last - first == 24
    for output in outputs:
        back = read(output.spec, output.fmt, (6, 8))
        assert np.array_equal(raw_codes(back, output.fmt), raw_codes(output.array, output.fmt))


def test_packed_fp4_in_safetensors(tmp_path: Path) -> None:
    codes = np.array([[1, 2, 3, 4]], np.uint8)
    spec = str(tmp_path / "q.safetensors")
    write(spec + ":q", codes, E2M1)
    assert Path(spec).read_bytes().endswith(bytes([0x21, 0x43]))
    save_file({"plain": codes}, spec)  # codes one a byte are understood too
    assert read(spec + ":plain", E2M1, (1, 4)).tolist() == codes.tolist()


def test_files_of_other_programs(tmp_path: Path) -> None:
    bf16 = np.arange(12, dtype=np.float32).reshape(3, 4).astype(ml_dtypes.bfloat16)
    np.save(tmp_path / "v2.npy", bf16)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(bf16.astype(np.float32)))
    np.save(tmp_path / "big.npy", bf16.astype(">f4"))
    np.savez_compressed(tmp_path / "z.npz", **{"layer/weight:0": bf16.view(np.uint16)})
    save_file({"a": bf16, "h": bf16.astype(np.float16)}, tmp_path / "m.safetensors")
    for name in ("v2.npy", "z.npz:layer/weight:0", "m.safetensors:a"):
        assert read(str(tmp_path / name), BF16, (3, 4)).tolist() == bf16.tolist()
    for name in ("fortran.npy", "big.npy"):
        assert read(str(tmp_path / name), F32, (3, 4)).tolist() == bf16.tolist()
    assert read(str(tmp_path / "m.safetensors:h"), F16).shape == (3, 4)
    with open(tmp_path / "v3.npy", "wb") as stream:
        np.lib.format.write_array(stream, np.zeros(3, np.int8), version=(3, 0))
    assert read(str(tmp_path / "v3.npy"), S8, (3,)).tolist() == [0, 0, 0]


def test_other_programs_read_ours(tmp_path: Path) -> None:
    array = _sample(F32)
    write(str(tmp_path / "m.safetensors:w"), array, F32)
    assert load_file(tmp_path / "m.safetensors")["w"].tobytes() == array.tobytes()


def test_empty_and_scalar_tensors(tmp_path: Path) -> None:
    for place in PLACES:
        spec = str(tmp_path / place)
        for shape in ((), (0, 4), (1,)):
            write(spec, np.zeros(shape, np.float32), F32)
            assert read(spec, F32, shape).shape == shape


def test_outputs_of_one_file_are_written_together(tmp_path: Path) -> None:
    spec = str(tmp_path / "out.npz")
    pair = [
        Output(spec + ":a", "A", E4M3, _sample(E4M3)),
        Output(spec + ":b", "B", E8M0, _sample(E8M0)),
    ]
    write_all(pair)
    first = Path(spec).read_bytes()
    write_all(pair)
    assert Path(spec).read_bytes() == first
    assert files.keys_npz(Path(spec)) == ["a", "b"]
    with pytest.raises(TensorError, match=r"tensor 'C': '.*' already takes tensor 'A'"):
        write_all([pair[0], Output(spec + ":a", "C", E4M3, pair[0].array)])
    with pytest.raises(TensorError, match="tensor 'w': no key in"):
        write(spec, _sample(F32), F32, "w")


def test_a_failed_write_leaves_the_old_file_and_no_debris(tmp_path: Path) -> None:
    spec = str(tmp_path / "t.npy")
    write(spec, _sample(F32), F32, "w")
    before = Path(spec).read_bytes()
    with pytest.raises(TensorError, match="expected float32, got int8"):
        write(spec, _sample(S8), F32, "w")
    with pytest.raises(TensorError, match="tensor 'w': cannot write: "):
        write(str(tmp_path / "none" / "t.npy"), _sample(F32), F32, "w")
    assert Path(spec).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.npy"]


def test_places() -> None:
    assert (parse("a/b.npy").path, parse("a/b.npy").key) == (Path("a/b.npy"), None)
    assert (parse("x.npz:w").path, parse("x.npz:w").key) == (Path("x.npz"), "w")
    assert parse("C:/d/x.SafeTensors:a.b:c").key == "a.b:c"
    assert parse("x.npz:w.npy").key == "w.npy"
    assert parse("x.npz").key is None
    for spec in ("", "x", "x.txt", "x.npy:w", ".npy"):
        with pytest.raises(TensorError, match=r"tensor 'T': '.*' is no tensor file; expected FILE"):
            parse(spec, "T")


@pytest.mark.parametrize("name", ["x.npy", "x.npz:x", "x.safetensors:x"])
def test_files_have_the_usual_permissions(name: str, tmp_path: Path) -> None:
    usual, path = tmp_path / "usual", tmp_path / name.partition(":")[0]
    usual.touch()
    write(f"{tmp_path}/{name}", np.zeros(2, np.float32), F32)
    assert path.stat().st_mode == usual.stat().st_mode
    path.chmod(0o640)
    write(f"{tmp_path}/{name}", np.zeros(2, np.float32), F32)
    assert path.stat().st_mode & 0o777 == 0o640
