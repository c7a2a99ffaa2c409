"""Tests of the instruction tables."""
