"""Functional units: what instructions do to memory, bit for bit. They know no engine."""
