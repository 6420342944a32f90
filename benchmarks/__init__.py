"""Measurements: ``python -m benchmarks.NAME``. Each prints a table; numbers compare within one run."""
