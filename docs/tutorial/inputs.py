"""Draws a.npy [M, K] and w.npy [N, K], float16: python3 inputs.py M N K."""

import sys

import numpy as np

m, n, k = map(int, sys.argv[1:])
rng = np.random.default_rng(1)
np.save("a.npy", rng.standard_normal((m, k)).astype(np.float16))
np.save("w.npy", rng.standard_normal((n, k)).astype(np.float16))
