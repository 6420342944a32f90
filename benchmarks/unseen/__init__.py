"""Every method on data that no constant was set on: ``python -m benchmarks.unseen --data FOLDER``."""
