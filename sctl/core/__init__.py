"""Arrays and tensors only: the numerics of the methods."""
