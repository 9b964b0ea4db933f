"""A trivial tool of the benchmarks."""
