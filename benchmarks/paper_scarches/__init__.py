"""The experiments of the scArches paper (Lotfollahi et al. 2020) on public pancreas and blood, with simpler rivals."""
