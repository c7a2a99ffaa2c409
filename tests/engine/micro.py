"""A few whole small kernels: every kind of unit, real inputs, several cores."""

from __future__ import annotations

from dataclasses import dataclass

import npuemu

SYNC = "    pipe_barrier ALL\n"
CUBE = """
.kernel micro_cube
.machines {machine}
.tensor A {type} [32, {k}] in
.tensor B {type} [64, {k}] in
.tensor C f32 [32, 64] out
.tensor H f16 [32, 64] out
.section cube
    li r1, 0
    li r2, A
    li r3, 32768
    li r4, B
    li r5, C
    li r6, H
    nd2nz_gm_l1 r1, r2, 32, {row}, {row}, 32
    nd2nz_gm_l1 r3, r4, 64, {row}, {row}, 64
    pipe_barrier ALL
    load_l1_l0a.{width} r1, r1, 2, {row} / 32, 32 / 16
    load_l1_l0b.{width} r1, r3, 4, {row} / 32, 64 / 16
    pipe_barrier ALL
    mmad.{type} r1, r1, r1, 32, 64, {k}, zero
    mmad.{type} r1, r1, r1, 32, 64, {k}, acc
    pipe_barrier ALL
    fix_l0c_gm.none_b32 r5, r1, 32, 64, 2, 256
    {fix}
    halt
"""
HALF = "fix_l0c_gm.f32_f16 r6, r1, 32, 64, 2, 128, relu=1"
INTEGER = "li r7, f32bits(0.001)\n    fix_l0c_gm.s32_f16 r6, r1, 32, 64, 2, 128, scalar, r7"
VECTOR = """
.kernel micro_vector
.machines ascend910b1
.tensor X f32 [2, 1024] in
.tensor Y f32 [2, 1024] out
.tensor Z f16 [2, 1024] out
.tensor Q s8 [2, 1024] out
.tensor R f32 [2, 64] out
.section vector
    subblock_idx r1
    mul r10, r1, 4096
    mul r11, r1, 2048
    mul r12, r1, 1024
    mul r13, r1, 256
    add r2, r10, X
    add r3, r10, Y
    add r4, r11, Z
    add r5, r12, Q
    add r6, r13, R
    li r7, 0
    li r8, 8192
    li r9, 20480
    li r14, f32bits(1.5)
    mov_gm_ub r7, r2, len=4096
    pipe_barrier ALL
.rep i, 0, 2
    vmuls.f32 r8, r7, r14, rep=16
    pipe_barrier V
    vexp.f32 r8, r8, rep=16
    pipe_barrier V
    vadds.f32 r8, r8, r14, rep=16
    pipe_barrier V
    vdiv.f32 r8, r7, r8, rep=16
    pipe_barrier V
    vmla.f32 r7, r8, r8, rep=16
    pipe_barrier V
.endrep
    vabs.f32 r8, r7, rep=16
    pipe_barrier V
    vln.f32 r9, r8, rep=16
    pipe_barrier V
    pipe_barrier ALL
    mov_ub_gm r3, r9, len=4096
    vcadd.f32 r8, r9, rep=16
    pipe_barrier ALL
    mov_ub_gm r6, r8, len=64
    pipe_barrier ALL
    vconv.f32_f16.rint r8, r9, rep=16, dst_rep=4
    pipe_barrier ALL
    mov_ub_gm r4, r8, len=2048
    vconv.f16_s8.floor r7, r8, rep=8, dst_rep=4
    pipe_barrier ALL
    mov_ub_gm r5, r7, len=1024
    halt
"""
MX = """
.kernel micro_mx
.machines ascend950pr
.tensor A e2m1 [32, 128] in
.tensor SA e8m0 [32, 4] in
.tensor B e2m1 [64, 128] in
.tensor SB e8m0 [64, 4] in
.tensor C f32 [32, 64] out
.tensor D bf16 [64, 64] out
.section cube
    li r1, 0
    li r2, A
    li r3, 32768
    li r4, B
    li r5, C
    li r6, 65536
    li r7, SA
    li r8, 69632
    li r9, SB
    nd2nz_gm_l1 r1, r2, 32, 64, 64, 32
    nd2nz_gm_l1 r3, r4, 64, 64, 64, 64
    mov_gm_l1 r6, r7, len=128
    mov_gm_l1 r8, r9, len=256
    pipe_barrier ALL
    load_l1_l0a.b4 r1, r1, 2, 2, 2
    load_l1_l0b.b4 r1, r3, 4, 2, 4
    load_l1_l0a_mx r1, r6, 2, 2, 4
    load_l1_l0b_mx r1, r8, 4, 2, 4
    pipe_barrier ALL
    mmad.mxfp4 r1, r1, r1, 32, 64, 128, zero
    pipe_barrier ALL
    fix_l0c_gm.none_b32 r5, r1, 32, 64, 2, 256
    fix_l0c_ub.f32_bf16 r1, r1, 32, 64, 2, 128, core=split_m
    cross_core_set_flag cv, FIX, 0
    halt
.section vector
    li r1, 0
    li r2, 4096
    cross_core_wait_flag V, 0
    vadd.bf16 r2, r1, r1, rep=8
    vmax.bf16 r2, r2, r1, rep=8
    set_flag V, MTE3, 0
    wait_flag V, MTE3, 0
    subblock_idx r3
    mul r3, r3, 4096
    li r4, D
    add r4, r4, r3
    mov_ub_gm r4, r2, len=2048
    halt
"""


@dataclass(frozen=True)
class Micro:
    """A text and its machine."""

    name: str
    text: str
    machine: str

    def run(self, **options: object) -> npuemu.Run:
        """Run it; nothing is found."""
        done = npuemu.run(npuemu.assemble(self.text), **options)  # type: ignore[arg-type]
        assert done.diagnostics == [], done.diagnostics
        return done

    def hashes(self) -> dict[str, str]:
        """SHA-256 by output."""
        outputs = self.run().report["outputs"]
        return {f"{self.name}.{tensor}": o["sha256"] for tensor, o in outputs.items()}


def cube(kind: str, k: int, machine: str) -> Micro:
    """A 32 x 64 product in one operand type."""
    size = 1 if kind == "s8" else 2
    text = CUBE.format(
        machine=machine,
        type=kind,
        k=k,
        row=k * size,
        width=f"b{8 * size}",
        fix=INTEGER if size == 1 else HALF,
    )
    return Micro(f"cube_{kind}", text, machine)


KERNELS = (
    cube("f16", 64, "ascend910b1"),
    cube("bf16", 64, "ascend950pr"),
    cube("s8", 128, "ascend910b1"),
    Micro("vector", VECTOR, "ascend910b1"),
    Micro("mx", MX, "ascend950pr"),
)


def all_hashes() -> dict[str, str]:
    """Output hashes of all kernels."""
    return {name: digest for kernel in KERNELS for name, digest in kernel.hashes().items()}


if __name__ == "__main__":
    import json
    import sys

    json.dump(all_hashes(), sys.stdout)
