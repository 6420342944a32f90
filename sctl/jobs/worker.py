"""The process of one job: ``python -m sctl.jobs.worker JOB_DIR``.

Nothing heavy is imported before the number of threads is set and the first word is on disk.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sctl.errors import Cancelled
from sctl.jobs.job import EXIT, MEASURED, PID, PROGRESS, STOP, Job
from sctl.jobs.queue import acquire_slot, places
from sctl.project.files import this_process, write_json
from sctl.project.steps import described

if TYPE_CHECKING:
    from sctl.run import Measurement, Progress, Run

_THREAD_SETTINGS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip
_PAUSE = 0.1  # seconds between two words about the same stage


class ProgressWriter:
    """Appends to the files of progress and of measurements, and says when to stop.

    Parameters
    ----------
    root : Path
        The folder of the job.
    ending : callable, optional
        Tells whether the system has asked the process to end.
    """

    def __init__(self, root: Path, ending: Callable[[], bool] = bool) -> None:
        self._ending = ending
        self._file, self._measured, self._stop = root / PROGRESS, root / MEASURED, root / STOP
        self._points: list[str] = []
        self._began = time.time()
        self._last: tuple[str, float] = ("", 0.0)
        self._progress = 0.0

    def stopped(self) -> bool:
        """Tell whether the user has pressed Stop, or the system ends the process: what is finished is kept then too."""
        return self._ending() or self._stop.exists()

    def check(self) -> None:
        """Raise ``Cancelled`` if the job is to stop."""
        if self.stopped():
            raise Cancelled

    def begin(self, step: str, start: float, end: float) -> Run:
        """Return a run for a step, whose progress takes the job from ``start`` to ``end`` in [0, 1]."""
        from sctl.run import Run  # noqa: PLC0415 - imports numpy, which must find the number of threads

        return Run(
            listener=lambda progress: self.report(progress, step, start, end),
            cancelled=self.stopped,
            recorder=self.record,
        )

    def record(self, measurement: Measurement) -> None:
        """Keep a point of a curve; it is written with the next word about the progress."""
        point = {"series": measurement.series, "x": measurement.x, "values": dict(measurement.values)}
        self._points.append(json.dumps(point) + "\n")

    def report(self, progress: Progress, step: str, start: float, end: float) -> None:
        """Write where the computation stands, ten times a second at most."""
        done = progress.done / progress.total if progress.total else 0.0
        share = progress.start + (progress.end - progress.start) * min(done, 1.0)
        # A step has several stages that each begin anew; the bar of the whole job waits for the longest.
        self._progress = max(self._progress, start + (end - start) * share)
        now = time.time()
        same = progress.stage == self._last[0] and progress.done < progress.total
        if same and now - self._last[1] < _PAUSE:
            return
        self._last = (progress.stage, now)
        self.write(step, progress.stage, done=progress.done, total=progress.total, note=progress.note)

    def write(self, step: str, stage: str, **more: Any) -> None:
        """Append one line, and what was measured since the last."""
        if self._points:
            with self._measured.open("a", encoding="utf-8") as file:
                file.write("".join(self._points))
            self._points.clear()
        line = {"time": time.time(), "began": self._began, "progress": self._progress, "step": step, "stage": stage}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, **more}) + "\n")


def main(argv: list[str]) -> int:
    """Run the job of a folder to its end; the exit status is 0, or 1 where it was not finished."""
    root = Path(argv[0]).resolve()
    # A switch and no exception: one that is thrown into a callback of compiled code is printed there and lost. A job
    # that does not get to its next step is ended by whoever stops it, see `Job.stop`.
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ending.set())
    # A core stays free for the pages and the browser: threads of linear algebra wait for each other by spinning, and
    # where two share a core with anything else a θ takes 4 s instead of 0.15.
    limit_threads(max(1, ((os.cpu_count() or 1) - 1) // places()))
    write_json(root / PID, this_process())
    ended: dict[str, Any] = {"status": "failed"}
    try:
        ended = _ended(lambda: _work(root, ending.is_set))
    finally:
        if root.is_dir():  # else the project was deleted meanwhile, and nothing of it is to come back
            write_json(root / EXIT, {**ended, "time": time.time()})
    return 0 if ended["status"] == "done" else 1


def limit_threads(n_threads: int) -> None:
    """Keep the libraries' threads of all jobs together within the cores, unless the user has set them."""
    for name in _THREAD_SETTINGS:
        os.environ.setdefault(name, str(n_threads))


def _work(root: Path, ending: Callable[[], bool]) -> None:
    job = Job(root)
    project_root = root.parents[1]
    teller = ProgressWriter(root, ending)
    with acquire_slot(project_root.parent, teller.check):
        teller = ProgressWriter(root, ending)  # the clock starts when the waiting is over
        teller.write("", "Starting")
        from sctl.jobs.tasks import run_job, warm_up  # noqa: PLC0415 - after the number of threads is set

        warm_up(project_root, job.description)
        run_job(project_root, job.description, teller.begin)


def _ended(work: Callable[[], None]) -> dict[str, Any]:
    """Do the work and return how it ended."""
    try:
        work()
    except Cancelled:
        return {"status": "stopped"}
    except Exception as error:  # noqa: BLE001 - the edge of the process: whatever happened is told, not lost
        known = described(error)
        details = "" if known["type"] in _TOLD else traceback.format_exc()
        sys.stderr.write(traceback.format_exc())
        return {"status": "failed", "error": {**known, "details": details}}
    return {"status": "done"}


_TOLD = {"DataError", "ParameterError", "NotFittedError", "ProjectError"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
