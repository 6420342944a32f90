"""What a job does beside the steps where a method learns a reference: tests of it, and a map in its own space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sctl import workflow
from sctl.data import Pair
from sctl.methods.base import TransferMethod
from sctl.project import Project, add_part, done_parts, load_result, load_self_test, trained_file
from sctl.project.files import replacing
from sctl.project.latent import keep_latent_map, latent_in, latent_map_in
from sctl.project.steps import locked
from sctl.run import Run

Part = Callable[[float, float], Run]


def check_reference(project: Project, pair: Pair, method: TransferMethod, seed: int, part: Part) -> None:
    """Test the reference bit by bit, keeping every answer as it comes; all together go into its file."""
    with locked(project.result_dir("transfer") / "self_test.lock", waiting(part)):
        tests, done = workflow.self_tests(pair, method), done_parts(project)
        for number, test in enumerate(tests):
            if (test.kind, test.name) in done:
                continue
            run = replace(part(number / len(tests), (number + 1) / len(tests)), seed=seed)
            add_part(project, test, test.query(run.within(f"Test {number + 1} of {len(tests)}")))
        path = trained_file(project)
        if path is not None:
            with replacing(path) as temporary:
                temporary.write_bytes(path.read_bytes())
                workflow.keep_self_test(temporary, load_self_test(project))


def draw_latent(project: Project, seed: int, part: Part) -> None:
    """Draw the reference's cells and the target's on one map in the space that the method learned, if it has one."""
    directory = project.result_dir("transfer")
    latent = latent_in(directory)
    if latent is None or latent_map_in(directory) or project.state("theta") != "done":
        return
    keep_latent_map(directory, workflow.latent_map(latent, load_result(project), replace(part(0.0, 1.0), seed=seed)))


def latent_of(method: TransferMethod) -> dict[str, np.ndarray[Any, Any]] | None:
    """Return where a fitted method has the cells of its reference, and their types; None where it has no such space."""
    points, codes = getattr(method, "latent_", None), getattr(method, "codes_", None)
    if points is None or codes is None:
        return None
    names: Any = getattr(method, "label_names_", ())
    return {"points": np.asarray(points, dtype=np.float32), "types": np.asarray(names, dtype=str)[np.asarray(codes)]}


def waiting(part: Part) -> Callable[[], None]:
    """Return what reports that another process computes the same, and raises ``Cancelled`` when this one is stopped."""

    def report() -> None:
        part(0.0, 0.0).report("Waiting for another computation of the same", 0, 0)

    return report
