"""Ratios against peers and floors, taken in one run on one machine: see `python -m benchmarks --help`."""
