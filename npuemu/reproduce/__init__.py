"""Studies: the claims of a paper beside what the emulator and the formats give, as one table."""

from __future__ import annotations

STUDIES = {"msd": "npuemu.reproduce.msd", "minilm": "npuemu.reproduce.minilm.table"}
"""The module of each study, whose ``study(quick, tell)`` runs it."""
