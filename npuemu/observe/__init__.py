"""Observers: they watch a run and never change it."""
