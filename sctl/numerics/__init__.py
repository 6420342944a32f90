"""Numerics that several methods share; arrays and tensors only."""
