"""Quantisers: units of rows or elements through the vector cores."""
