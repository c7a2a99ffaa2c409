"""A wrong entry of a table whose keys the machine file chooses is refused by its full key."""

from __future__ import annotations

from pathlib import Path

import pytest

from npuemu import machine as machines


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[timing.vadd]\nhead = -1\nsource = "s"', "timing.vadd.head"),
        ('[timing."vadd.f16"]\nbody = 1\nsource = "s"', "timing.vadd.f16"),
        ('[memory]\nUB = { value = 0, source = "s" }', "memory.UB.value"),
        ('[memory]\nL0A = { value = 524352, source = "s" }', "memory.L0A"),
        ("[casts.pairs]\nf32_f16 = [1]", "casts.pairs.f32_f16[0]"),
    ],
)
def test_the_key_is_named(text: str, key: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(f'name = "own"\ntitle = "t"\nbase = "ascend910b1"\n{text}\n', encoding="utf-8")
    with pytest.raises(machines.MachineError) as caught:
        machines.load(str(path))
    assert f"key {key}:" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tymings]\nx = 1", "key tymings: unknown; did you mean timing?"),
        ("[timing.vectr]\nhead = 1", "key timing.vectr: no such instruction; did you mean vector?"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_one(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(f'name = "own"\ntitle = "t"\nbase = "ascend910b1"\n{text}\n', encoding="utf-8")
    with pytest.raises(machines.MachineError) as caught:
        machines.load(str(path))
    assert words in str(caught.value)
