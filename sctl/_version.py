"""The version, said once: the package, its files and its results take it from here."""

__version__ = "0.1.0.dev2"
