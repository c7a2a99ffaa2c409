"""The emulator against the interpreter: two readings of one manual, bit for bit."""

from __future__ import annotations

import ast
import random
import re
from pathlib import Path

import pytest

import npuemu
from npuemu.asm.program import Program
from tests.interpreter import cube_kernels, kernels, move_kernels
from tests.interpreter.decode import ROOT, Spec, specs
from tests.interpreter.fault_kernels import VECTOR_TYPES, fault_kernel, suffixes_of
from tests.interpreter.harness import as_bytes, compare, differences, emulated, interpreted
from tests.interpreter.machine import load
from tests.interpreter.run import Outcome
from tests.interpreter.vector import width

NO_CLOCK = ("E107", "E111", "E112")
"""Diagnostics of time, which the interpreter does not know."""
NEEDS = {
    "mov_ub_l1": "ub_l1",
    "mov_l1_ub": "ub_l1",
    "fix_l0c_ub": "l0c_ub",
    "load_l1_l0a_mx": "mx",
    "load_l1_l0b_mx": "mx",
}
BUNDLED = [
    ("gemm_bf16", "ascend910b1", 32),
    ("gemm_bf16", "ascend950pr", 64),
    ("gemm_mxfp4", "ascend950pr", 128),
    ("gemm_w8a16_dequant", "ascend910b1", 32),
    ("gemm_w8a16_dequant", "ascend950pr", 32),
    ("gemm_w8a16_lift", "ascend910b1", 32),
    ("gemm_w8a16_lift", "ascend950pr", 32),
    ("gemm_w4a16_lift", "ascend950pr", 64),
    ("gemm_w8a16_msd", "ascend910b1", 32),
    ("gemm_w8a16_msd", "ascend950pr", 32),
    ("gemm_w4a16_msd", "ascend950pr", 64),
    ("quantize_mxfp4", "ascend910b1", 64),
    ("quantize_mxfp4", "ascend950pr", 64),
    ("quantize_mxfp8", "ascend910b1", 64),
    ("quantize_mxfp8", "ascend950pr", 64),
    ("quantize_mxfp4_msd", "ascend910b1", 64),
    ("quantize_mxfp4_msd", "ascend950pr", 64),
]
DATA = [spec for spec in specs().values() if spec.data]


def name_of(spec: Spec) -> str:
    """For the ids of a test."""
    return spec.name


def agree(text: str, machine: str, inputs: dict[str, bytes], seed: int = 0) -> Outcome:
    """Both run the kernel and leave the same; the interpreter's outcome, traced.

    With a trace the interpreter also holds the declared regions against what was touched.
    """
    program = npuemu.assemble(text, machine=machine)
    outcome = interpreted(program, inputs, seed, trace=True)
    assert compare(program, outcome, emulated(program, inputs)) == [], text
    return outcome


@pytest.mark.parametrize("machine", ["ascend910b1", "ascend950pr"])
@pytest.mark.parametrize("spec", [s for s in DATA if s.pipe == "V"], ids=name_of)
def test_vector_instructions(spec: Spec, machine: str) -> None:
    """Every form: random lanes, places, strides, masks and counts."""
    types = [*VECTOR_TYPES, "bf16"] if machine == "ascend950pr" else VECTOR_TYPES
    for suffixes in kernels.suffix_choices(spec, load(machine), types):
        kinds = suffixes[0].split("_") if spec.name == "vconv" else [suffixes[0]]
        rng = random.Random(f"{spec.name} {suffixes} {machine}")
        text = kernels.vector_kernel(rng, spec, suffixes, 2048 // max(map(width, kinds)))
        bits = width(kinds[0])
        data = kernels.lane_values(rng, kinds[0], kernels.WINDOW * 8 // bits)
        if spec.name == "vgather":
            offsets = (rng.randrange(2048 // (bits // 8)) * bits // 8 for _ in range(256))
            data = data[:-1024] + b"".join(off.to_bytes(4, "little") for off in offsets)
        scalar = kernels.lane_values(rng, kinds[0], 64 // bits)
        fault = agree(text, machine, {"X": data, "S": scalar}).fault
        assert fault is None or (spec.name, fault) == ("vgather", "E117")


@pytest.mark.parametrize("kind", ["s8", "bf16", "f16", "mxfp4", *cube_kernels.MXFP8])
def test_mmad(kind: str) -> None:
    for seed in range(6):
        rng = random.Random(f"{kind} {seed}")
        text, data = cube_kernels.mmad_kernel(rng, kind)
        only_950 = kind.startswith("mx") or seed % 2
        agree(text, "ascend950pr" if only_950 else "ascend910b1", {"X": data})


@pytest.mark.parametrize("target", ["gm", "l1", "ub"])
@pytest.mark.parametrize("quant", ["none", "scalar", "vector"])
def test_output_conversions(target: str, quant: str) -> None:
    conversions = ["none_b32", "f32_bf16", "f32_f16"]
    if quant != "none":
        conversions = ["s32_f16", "s32_s8", "f32_s8"]
    for conversion in conversions:
        for seed in range(3):
            rng = random.Random(f"{target} {quant} {conversion} {seed}")
            text, data = cube_kernels.fix_kernel(rng, target, conversion, quant)
            agree(text, "ascend950pr", {"X": data})


@pytest.mark.parametrize("machine", ["ascend910b1", "ascend950pr"])
def test_moves_and_loads(machine: str) -> None:
    for seed in range(3):
        rng = random.Random(f"{machine} {seed}")
        data = rng.randbytes(move_kernels.WINDOW - 1024) + move_kernels.unit_matrix()
        texts = [move_kernels.gm_l1_kernel(rng), move_kernels.ub_kernel(rng)]
        sides = [(side, kind) for side in "ab" for kind in ("b4", "b8", "b16")]
        texts += [move_kernels.load_kernel(rng, side, kind) for side, kind in sides]
        if machine == "ascend950pr":
            texts.append(move_kernels.crossing_kernel(rng))
        for text in texts:
            agree(text, machine, {"X": data}, seed)


def test_scalar_instructions() -> None:
    for seed in range(6):
        rng = random.Random(seed)
        data = rng.randbytes(move_kernels.WINDOW)
        agree(move_kernels.scalar_kernel(rng), "ascend910b1", {"X": data})


@pytest.mark.parametrize("machine", ["ascend910b1", "ascend950pr"])
@pytest.mark.parametrize("spec", DATA, ids=name_of)
def test_checks_at_an_instructions_start(spec: Spec, machine: str) -> None:
    """Registers at and beyond the edges: the same code, or the same memory without one."""
    facts = load(machine)
    needed = NEEDS.get(spec.name)
    if needed is not None and needed not in facts.features:
        pytest.skip("not on this machine")
    forms = suffixes_of(spec, facts, VECTOR_TYPES)
    for seed in range(6):
        rng = random.Random(f"{spec.name} {machine} {seed}")
        text = fault_kernel(rng, spec, facts, rng.choice(forms))
        agree(text, machine, {"A": bytes(range(256)) * 16})


def _sections() -> list[tuple[str, str, str]]:
    found = []
    for page in sorted((ROOT / "diagnostics").glob("*1??.md")):
        texts = re.findall(r"```npu\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        if page.stem[0] != "A":
            found += [(page.stem, *pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
    return [entry for entry in found if entry[0] not in NO_CLOCK]


@pytest.mark.parametrize(("code", "wrong", "right"), _sections(), ids=lambda text: text[:4])
def test_kernels_of_the_diagnostics_page(code: str, wrong: str, right: str) -> None:
    for seed in range(4):
        findings = []
        for text in (wrong, right):
            program = npuemu.assemble(text)
            inputs = {t.name: bytes(t.nbytes) for t in program.tensors if t.role == "in"}
            outcome = interpreted(program, inputs, seed)
            warnings = {"W120": outcome.int32_wraps, "W121": outcome.flags}
            warnings["W122"] = outcome.counters
            left = [code for code, what in warnings.items() if what]
            findings.append([outcome.fault] if outcome.fault else left)
        assert findings[1] == []
        # A second set_flag may also find that its wait has gone before it: both orders are right.
        assert findings[0] == [code] or (code == "E113" and findings[0] == [])


def bundled(name: str, machine: str, k: int, blocks: int) -> tuple[Program, dict[str, bytes]]:
    """A bundled kernel of one small size with drawn inputs."""
    shape = {"M": 20, "K": k} | ({} if name.startswith("quantize") else {"N": 32})
    program = npuemu.load(name, machine=machine, blocks=blocks, **shape)
    inputs = {
        t.name: as_bytes(t, npuemu.api.draw(t, blocks)) for t in program.tensors if t.role == "in"
    }
    return program, inputs


@pytest.mark.parametrize(("name", "machine", "k"), BUNDLED)
@pytest.mark.parametrize("blocks", [1, 2])
def test_bundled_kernels(name: str, machine: str, k: int, blocks: int) -> None:
    program, inputs = bundled(name, machine, k, blocks)
    assert differences(program, inputs, seed=blocks) == []


@pytest.mark.parametrize(("name", "machine", "k"), BUNDLED)
def test_every_order_leaves_the_same(name: str, machine: str, k: int) -> None:
    program, inputs = bundled(name, machine, k, 2)
    first = interpreted(program, inputs, 0)
    for seed in (1, 2):
        other = interpreted(program, inputs, seed)
        assert (other.gm, other.memories) == (first.gm, first.memories)
        assert (other.fault, other.flags) == (None, first.flags)


COUNT_FROM_REGISTER = """.kernel huge
.machines ascend910b1
.section vector
    li r1, 0
    li r2, 1 << 40
    set_mask_count
    set_vector_mask 0, r2
    vdup.b8 r1, r1, dst_rep=0
    halt
"""
WAIT_FOR_ID_20 = """.kernel id
.machines ascend910b1
.section cube
    li r1, 20
    cross_core_wait_flag M, r1
    halt
"""


@pytest.mark.parametrize("text", [COUNT_FROM_REGISTER, WAIT_FOR_ID_20], ids=["count", "id"])
def test_registers_far_out_of_range(text: str) -> None:
    agree(text, "ascend910b1", {})


def test_it_shares_no_code_with_what_it_checks() -> None:
    allowed = {"npuemu", "npuemu.asm.program"}
    for path in Path(__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                if name.split(".")[0] in ("npuemu", "programs"):
                    assert name in allowed, f"{path.name}: {name}"
                    driver = path.name.startswith("test_") or path.name == "harness.py"
                    assert name != "npuemu" or driver, path.name
                if name.startswith("tests."):
                    assert name.startswith("tests.interpreter"), f"{path.name}: {name}"
