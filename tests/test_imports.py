"""What is loaded when: the shell's help, the first page and a job's first word do not wait for what they do not use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OF_ONE_FUNCTION = ("torch", "umap", "openTSNE", "scanpy", "optuna", "statsmodels", "gseapy", "matplotlib", "numba")
HEAVY = ("numpy", "pandas", "scipy", "sklearn", "anndata", "h5py", *OF_ONE_FUNCTION)
LAZY = ("data", "export", "io", "jobs", "methods", "preflight", "preprocess", "project", "sharing", "workflow")


@pytest.mark.parametrize(
    ("imported", "not_loaded"),
    [
        ("sctl", HEAVY),
        *((f"sctl.{package}", HEAVY) for package in LAZY),
        ("sctl.cli", HEAVY),
        ("sctl.workflow.registry", HEAVY),
        ("sctl.jobs.worker", HEAVY),
        ("sctl.jobs.reading", HEAVY),
        ("sctl.ui.frame.entry, sctl.ui.home.home; sctl.methods.METHODS", OF_ONE_FUNCTION),
    ],
)
def test_nothing_is_loaded_that_is_not_used(imported, not_loaded):
    code = f"import sys, {imported}; print([name for name in {not_loaded} if name in sys.modules])"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.splitlines()[-1] == "[]"


def test_an_import_within_a_function_has_its_reason_beside_it():
    late = [
        line for path in (ROOT / "sctl").rglob("*.py") for line in path.read_text().splitlines() if "PLC0415" in line
    ]
    assert [line for line in late if not re.search(r"PLC0415 - \S", line)] == []
    assert len(late) < 60
