"""What Parley does in a second and what that costs: `make bench` measures it and writes docs/benchmarks.md."""
