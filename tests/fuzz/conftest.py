"""What is run as a program of its own is no module of tests."""

collect_ignore = ["cases.py", "mutations.py"]
