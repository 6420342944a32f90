"""The progress bar."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from sctl.cli.stopping import StopSwitch
    from sctl.run import Progress, Run


class Bar:
    """A progress bar on standard error: one line, which names the stage.

    Parameters
    ----------
    quiet : bool
        Whether to show nothing.
    stop : StopSwitch
        Polled by the run.
    """

    def __init__(self, *, quiet: bool, stop: StopSwitch) -> None:
        from tqdm import tqdm  # noqa: PLC0415 - --help does without

        self._stop = stop
        self._bar = tqdm(desc="Prepare", total=1, file=sys.stderr, disable=quiet, leave=False, bar_format=_FORMAT)

    def run(self, seed: int) -> Run:
        """Return a run that this bar shows."""
        from sctl.run import Run  # noqa: PLC0415 - numpy, as above

        return Run(seed=seed, listener=self._show, cancelled=self._stop.is_set)

    def _show(self, progress: Progress) -> None:
        self._bar.set_description_str(progress.stage, refresh=False)
        self._bar.total, self._bar.n = max(progress.total, 1), progress.done
        self._bar.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()


_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}]"
