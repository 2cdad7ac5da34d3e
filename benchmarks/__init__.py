"""What headlint costs, as ratios measured in one run: `python -m benchmarks`. No test depends on a time."""
