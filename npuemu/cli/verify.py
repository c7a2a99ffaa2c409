"""`npuemu verify`: outputs against the kernel's golden definition, bit for bit."""

from __future__ import annotations

import sys

from npuemu.cli import options


def verify(
    kernel: options.Kernel,
    defines: options.Defines = [],  # noqa: B006
    machine: options.MachineName = None,
    blocks: options.Blocks = None,
) -> int:
    """Compare a kernel with its golden definition, bit for bit."""
    params = options.parameters(defines)
    groups = 1 if blocks is None else options.integer(blocks, "--blocks", 1)

    from npuemu.report.summary import params_text
    from npuemu.verify import verify_kernel

    good = bad = faulty = 0
    for case in verify_kernel(kernel, machine=machine, blocks=groups, params=params):
        good, bad = good + bool(case.ok), bad + (not case.ok)
        faulty += case.findings
        verdict = "ok" if case.ok else "FINDINGS" if case.findings else "DIFFERS"
        cycles = f"   {case.cycles:,} cycles" if case.cycles else ""
        label = f"{case.case}   {params_text(case.params)}   seed {case.seed}"
        print(f"{verdict:8} {label}{cycles}")
        if not case.ok:
            print("\n".join(f"    {line}" for line in str(case.difference).splitlines()))
        sys.stdout.flush()
    more = f"; {faulty} have findings and were not compared" if faulty else ""
    print(f"{kernel}: {good} of {good + bad} cases equal the golden definition bit for bit{more}")
    return 1 if bad else 0
