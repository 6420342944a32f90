"""The experiments of Walbech et al. (2022) on public data."""
