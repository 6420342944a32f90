"""How a command ends: its exit status."""

UNUSABLE = 2
"""Exit status where the user has to change something; also argparse's own."""
