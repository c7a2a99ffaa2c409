"""The demo's parts: tokenizer and quantisation; on the real model where it is installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

DEMO = Path(__file__).resolve().parents[2] / "demo"
sys.path.append(str(DEMO))

import bert  # noqa: E402
import wordpiece  # noqa: E402

needs_model = pytest.mark.skipif(
    importlib.util.find_spec(bert.PACKAGE) is None, reason="the demo's model is not installed"
)


@pytest.fixture
def tokenizer(tmp_path: Path) -> wordpiece.Tokenizer:
    words = "[PAD] [UNK] [CLS] [SEP] un ##aff ##able ##a run ##ning , ' cafe 中 ##ff".split()
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    return wordpiece.Tokenizer(path)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("unaffable", "un ##aff ##able"),
        ("Running,  UNAFF", "run ##ning , un ##aff"),
        ("Café", "cafe"),
        ("run中run", "run 中 run"),
        ("xyz run", "[UNK] run"),
        ("unx", "[UNK]"),
        ("un\u00ad\x07aff\trun", "un ##aff run"),
        ("", ""),
        ("un" + "a" * 120, "[UNK]"),
    ],
)
def test_tokens(tokenizer: wordpiece.Tokenizer, text: str, tokens: str) -> None:
    got, ids = tokenizer.encode(text)
    assert got == ["[CLS]", *tokens.split(), "[SEP]"]
    assert len(ids) == len(got) and ids[0] == 2 and ids[-1] == 3


def test_long_texts_are_cut(tokenizer: wordpiece.Tokenizer) -> None:
    tokens, _ = tokenizer.encode("run " * 600)
    assert len(tokens) == 512 and tokens[-1] == "[SEP]"


def test_quantise_is_symmetric_and_within_half_a_step() -> None:
    weight = np.random.default_rng(0).standard_normal((20, 64)).astype(np.float32)
    weight[3] = 0.0
    codes, scale = bert.quantise(weight)
    assert codes.dtype == np.int8 and scale.dtype == np.float32
    assert np.abs(codes).max() == 127 and not codes[3].any()
    error = np.abs(codes * scale[:, None].astype(np.float64) - weight)
    assert (error <= 0.5001 * scale[:, None]).all()


@needs_model
def test_tokens_of_the_real_vocabulary() -> None:
    vocabulary = bert.model_folder() / "vocab.txt"
    tokens, ids = wordpiece.Tokenizer(vocabulary).encode("Emulating NPUs, isn't it?")
    assert tokens[1:-1] == ["em", "##ulating", "np", "##us", ",", "isn", "'", "t", "it", "?"]
    assert ids[0] == 101 and ids[-1] == 102


@needs_model
def test_hidden_states_are_normalised() -> None:
    model = bert.Model.open(bert.model_folder())
    hidden = model.attend(model.embed([101, 2023, 2003, 102]))
    assert hidden.shape == (4, 384) and np.isfinite(hidden).all()
    name = f"{bert.LAYER}.attention.output.LayerNorm"
    plain = (hidden - model[f"{name}.bias"]) / model[f"{name}.weight"]
    assert np.allclose(plain.mean(axis=1), 0, atol=1e-4)
    assert np.allclose(plain.std(axis=1), 1, atol=1e-3)
