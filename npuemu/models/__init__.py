"""Closed-form models of latency and traffic."""
