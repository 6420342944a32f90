"""The experiments of the ItClust paper (Hu et al. 2020) on what is public of its data, with simpler rivals."""
