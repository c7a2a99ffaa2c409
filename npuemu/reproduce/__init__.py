"""Studies: the claims of a paper beside what the emulator and the formats give, as one table."""
