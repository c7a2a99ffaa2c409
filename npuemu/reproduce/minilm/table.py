"""The study `minilm`: a real sentence encoder on the emulated NPU, scheme by scheme."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from npuemu.reproduce.minilm.emulated import SCHEMES, Bill, Scheme
from npuemu.reproduce.minilm.model import Model, NumpyBackend, model_folder
from npuemu.reproduce.minilm.study import (
    IN_NUMPY,
    Result,
    launches,
    run_scheme,
    sentences,
    tokenize,
)
from npuemu.reproduce.rows import Curve, Found, Plot, Row, Section, Step, Tell, run
from npuemu.reproduce.rows import Result as Table

TITLE = "all-MiniLM-L6-v2 on an emulated NPU"
MACHINE, BLOCKS = "ascend950pr", 32
QUICK_SENTENCES = 12
PLOT = Plot("minilm", "Similarity and cycles", "cycles (millions)", "1 - mean cosine", log_y=True)


@dataclass
class Schemes:
    """Every scheme over the same sentences; the float32 vectors are made once."""

    model: Model
    tokens: list[list[int]]
    tell: Tell | None
    launched: int = 0

    def __post_init__(self) -> None:
        self.exact = self.model.encode(NumpyBackend(), self.tokens)

    def run(self, scheme: Scheme) -> Found:
        """Encode all sentences with a scheme."""

        def advance(what: str) -> None:
            if self.tell is not None:
                total = launches(self.model) * len(SCHEMES)
                self.tell({"step": what, "done": self.launched, "total": total})
            self.launched += 1

        found = run_scheme(
            self.model, self.tokens, self.exact, scheme,
            machine=MACHINE, blocks=BLOCKS, advance=advance,
        )  # fmt: skip
        where = f"{scheme.gemm}, {scheme.attention} on {MACHINE}, {BLOCKS} blocks"
        loss = float(1 - np.mean(found.cosine))
        return Found(
            [
                Row(
                    f"{scheme.name}: cosine similarity to float32",
                    "",
                    f"{np.mean(found.cosine):.6f} (least {np.min(found.cosine):.6f})",
                    where,
                    value=float(np.mean(found.cosine)),
                    sound=not (found.linear.findings or found.attention.findings),
                ),
                _cycles(scheme, found, where),
                _traffic(scheme, found, where),
            ],
            [Curve("minilm", scheme.name, ((found.cycles / 1e6, max(loss, 1e-9)),))],
        )


def _cycles(scheme: Scheme, found: Result, where: str) -> Row:
    parts = f"{found.linear.cycles:,} linear, {found.attention.cycles:,} attention"
    said = f"{found.cycles:,} ({parts})"
    return Row(f"{scheme.name}: cycles", "", said, where, value=float(found.cycles))


def _traffic(scheme: Scheme, found: Result, where: str) -> Row:
    def moved(bill: Bill) -> str:
        return f"{(bill.gm_read + bill.gm_written) / 2**20:.1f} MiB"

    said = f"{moved(found.linear)} linear, {moved(found.attention)} attention"
    return Row(f"{scheme.name}: traffic with GM", "", said, where, value=float(found.gm_bytes))


def study(quick: bool, tell: Tell | None = None) -> Table:
    """Run the whole study; `ModelMissing` where the model's package is not installed."""
    folder = model_folder()
    tokens = tokenize(folder, sentences(QUICK_SENTENCES if quick else None))
    schemes = Schemes(Model.open(folder), tokens, tell)
    remark = (
        f"{len(tokens)} sentences, {sum(map(len, tokens))} tokens in one batch: every product of "
        f"the {schemes.model.layers} layers is a launch. In NumPy: {'; '.join(IN_NUMPY)}."
    )
    steps = tuple(Step(scheme.name, partial(schemes.run, scheme)) for scheme in SCHEMES)
    section = Section("A sentence encoder, end to end", remark, steps, (PLOT,))
    return run("minilm", TITLE, quick, [section])
