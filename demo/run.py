"""One real layer, three ways: dequantise, lift, and Multi-Scale Dequant on an emulated NPU.

A sentence goes through a real model's tokens, embeddings and first attention; the result meets the
real weight of the layer that follows, quantised to int8 per channel. Three kernels compute the
same product; the table shows what each costs and how far each is from float64.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import ml_dtypes
import numpy as np

from npuemu.errors import NpuemuError
from npuemu.formats.quantize import quantize_int8
from npuemu.reproduce.minilm.model import LINEAR, Model, NumpyBackend, model_folder
from npuemu.reproduce.minilm.wordpiece import Tokenizer

Array = np.ndarray[Any, np.dtype[Any]]
LAYER = "encoder.layer.0"
WEIGHT = f"{LAYER}.{LINEAR[4]}.weight"
KERNELS = ("gemm_w8a16_dequant", "gemm_w8a16_lift", "gemm_w8a16_msd")
SENTENCE = (
    "A kernel author without hardware still wants the exact result, the cycles of every pipe, "
    "and the reason why each of them waited."
)


def say(text: str = "") -> None:
    """One line for the person, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def relative_error(actual: Array, exact: Array) -> float:
    """||actual - exact|| / ||exact|| in float64."""
    return float(np.linalg.norm(actual.astype(np.float64) - exact) / np.linalg.norm(exact))


def prepare(sentence: str) -> tuple[dict[str, Array], Array]:
    """The kernels' inputs A, W, w_scale of a sentence, and the original float32 weight [N, K]."""
    folder = model_folder()
    model = Model.open(folder)
    tokens, ids = Tokenizer(folder / "vocab.txt").encode(sentence)
    hidden = model.attend(NumpyBackend(), model.embed(ids), LAYER, [len(ids)])
    hidden = hidden.astype(ml_dtypes.bfloat16)
    weight = model[WEIGHT]
    quantised, scale = quantize_int8(weight)
    say(f"sentence  {sentence}")
    say(f"tokens    {' '.join(tokens)}")
    say(f"layer     {WEIGHT} {list(weight.shape)} -> int8, one scale per output channel")
    say(f"product   A bf16 {list(hidden.shape)} x W int8 {list(weight.shape)} transposed -> C bf16")
    return {"A": hidden, "W": quantised, "w_scale": scale}, weight


def run_kernel(
    kernel: str, inputs: dict[str, Array], machine: str | None, blocks: int
) -> tuple[Any, str]:
    """Run one kernel on the inputs; also whether all bits agree with its golden definition."""
    from npuemu import api
    from npuemu.verify import compare, load_golden

    params = dict(zip("MNK", (*inputs["A"].shape[:1], *inputs["W"].shape), strict=True))
    program = api.load(kernel, machine=machine, blocks=blocks, **params)
    started = time.perf_counter()
    run = api.run(program, inputs=inputs, blocks=blocks)
    seconds = time.perf_counter() - started
    difference = compare(run.outputs, load_golden(kernel).golden(dict(inputs), params))
    say(f"ran       {kernel} in {seconds:.2f} s" + (f"\n{difference}" if difference else ""))
    return run, "no" if difference else "yes"


def compare_kernels(
    inputs: dict[str, Array], weight: Array, machine: str | None, blocks: int
) -> bool:
    """Run all kernels and print the table; False if one misses its definition or has errors."""
    from npuemu.report.json_schema import as_report
    from npuemu.report.side_by_side import Entry, compare
    from npuemu.report.terminal import style_for

    a = inputs["A"].astype(np.float64)
    scaled = inputs["W"].astype(np.float64) * inputs["w_scale"].astype(np.float64)[:, None]
    exact = {"int8 weight": a @ scaled.T, "float32 weight": a @ weight.astype(np.float64).T}
    entries, sound = [], True
    for kernel in KERNELS:
        run, equal = run_kernel(kernel, inputs, machine, blocks)
        report = as_report(run.report)
        extra = {
            f"error, {name}": f"{relative_error(run.outputs['C'], value):.3e}"
            for name, value in exact.items()
        }
        extra["bits as defined"] = equal
        entries.append(Entry(kernel.removeprefix("gemm_"), report, extra))
        sound &= equal == "yes" and not any(d.severity == "error" for d in report.diagnostics)
    first = entries[0].report
    say(f"machine   {first.machine}, {first.blocks} block(s)")
    say()
    say(compare(entries, style_for(sys.stdout)).rstrip())
    say()
    _explain(exact)
    return sound


def _explain(exact: dict[str, Array]) -> None:
    """What the error rows mean, with the two floors that no kernel can go below."""
    best = exact["int8 weight"]
    with np.errstate(over="ignore"):
        rounded = best.astype(np.float32).astype(ml_dtypes.bfloat16)
    floor = relative_error(rounded, best)
    quantisation = relative_error(best, exact["float32 weight"])
    say("Errors are relative L2 against the same product in float64: with the int8 weight times")
    say("its scale, and with the original float32 weight. Rounding the exact result to bf16 alone")
    say(f"costs {floor:.3e}; quantising the weight to int8 alone costs {quantisation:.3e}.")


def main() -> int:
    """Command line; 0 if every kernel equals its definition bit for bit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sentence", default=SENTENCE, help="text to embed")
    parser.add_argument("--machine", default=None, help="machine name or file")
    parser.add_argument("--blocks", type=int, default=1, help="core groups (default 1)")
    options = parser.parse_args()
    try:
        inputs, weight = prepare(options.sentence)
        sound = compare_kernels(inputs, weight, options.machine, options.blocks)
    except NpuemuError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
