"""The experiments of Mieth et al. (2019): ``python -m benchmarks.paper_transfercluster simulated|split|robustness``."""
