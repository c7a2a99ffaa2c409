"""Compares c.npy with NumPy: float32 sums in the order of k, rounded to float16 once."""

import numpy as np

a, w = (np.load(name).astype(np.float32) for name in ("a.npy", "w.npy"))
c = np.load("c.npy")
sums = np.zeros((len(a), len(w)), np.float32)
for k in range(a.shape[1]):
    sums += np.outer(a[:, k], w[:, k])  # exact: two float16 make 22 bits
print("equal bit for bit:", sums.astype(np.float16).tobytes() == c.tobytes())
