"""What pieces of work lose to each other: three ways to count, coarse to fine in time.

Every core has its own pipes; L2 and the memory are shared. What a transfer takes by itself is a
`pipe.Move`; how long it waits for the others' bytes depends on what is known of their order.

- `queueing`, without time: equal blocks repeat a step many times and each needs L2 and the memory
  for a share of it. Right where hundreds of short steps drift apart, so that only averages count
  (attention).
- `pipe`, one core group in time: `Memory` is the sum of all bytes that all alike cores have asked
  for so far, and no transfer ends before it. Right where all groups do the same at the same time,
  and pieces wait for flags rather than for bytes (rings, the MSD split).
- `timeline`, all cores in time: `Shared` serves transfers first come, first served, one by one.
  Right where cores do different things, or fall into and out of step (quantisers, W8A8); it takes
  longest to compute.

A model with one slowest pipe or memory needs none: it takes a maximum of sums (`gemm.cube`).
"""
