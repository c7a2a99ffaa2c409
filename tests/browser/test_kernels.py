"""Pages of bundled kernels: what the page counts from events is what the engine counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from npuemu import api
from npuemu.report.page_html import page
from tests.browser.chromium import Browser

RUNS = (
    ("gemm_bf16", {"machine": "ascend910b1", "blocks": 2}, {"M": 48, "N": 128, "K": 256}),
    ("attn_bf16", {"machine": "ascend910b1", "blocks": 2}, {"NQ": 16, "KV": 512}),
    ("gemm_w8a16_msd", {"machine": "ascend950pr", "blocks": 3}, {"M": 33, "N": 256, "K": 512}),
)
WORK = ("load", "move", "matrix", "vector", "convert", "special", "reduce", "store", "scalar")


@pytest.mark.parametrize(("kernel", "how", "params"), RUNS, ids=[run[0] for run in RUNS])
def test_cycles_are_those_of_the_report(
    chromium: Browser, tmp_path: Path, kernel: str, how: dict[str, object], params: dict[str, int]
) -> None:
    run = api.run(kernel, mode="timing", record=True, **how, **params)  # type: ignore[arg-type]
    path = tmp_path / "run.html"
    path.write_text(page(run.report, run.recording, peak=run.mac_peak))
    chromium.open(path)
    assert chromium.hook("error") is None and chromium.logs("browser") == []
    cores = {core["core"]: core["pipes"] for core in run.report["cores"]}
    seen = 0
    for track in chromium.hook("tracks()"):
        pipe = cores[track["core"]][track["pipe"]]
        cycles = {name: number for name, number in track["cycles"].items() if number}
        assert sum(cycles.pop(kind, 0) for kind in WORK) == pipe["busy"], track
        assert cycles == {name: number for name, number in pipe["stalls"].items() if number}, track
        seen += 1
    assert seen >= 9
