"""Settings of the Poisson autoencoder, searched as in the paper or where they matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from sctl.methods.poisson.autoencoder import PoissonConfig, train_poisson
from sctl.numerics.hyperparameters import Range, Sampler, Search, Settings
from sctl.numerics.tuning import search
from sctl.run import Run
from sctl.typing import Ints


def configured(config: PoissonConfig, settings: Settings) -> PoissonConfig:
    """Return a configuration with other settings, as :data:`~sctl.numerics.hyperparameters.SPACES` names them."""
    names = {item.name for item in fields(config.training)}
    of_training: dict[str, Any] = {name: value for name, value in settings.items() if name in names}
    rest = {name: value for name, value in settings.items() if name not in of_training}
    changed: dict[str, Any] = {**rest, "training": replace(config.training, **of_training)}
    return replace(config, **changed)


def search_poisson(  # noqa: PLR0913 - as for any search, and on what
    X: Any,
    strata: Ints | None,
    config: PoissonConfig,
    space: Mapping[str, Range],
    *,
    run: Run,
    n_trials: int = 40,
    sampler: Sampler = "gp",
    journal: Path | None = None,
) -> Search:
    """Look for the settings with the smallest Poisson loss on held-out cells, which are the same for all.

    Mind that this loss says nothing of labels: it favours wide codes, and sees the penalties only where they hurt.

    Parameters
    ----------
    X, strata, config
        As for :func:`~sctl.methods.poisson.autoencoder.train_poisson`; what ``space`` does not name stays as it is.
    space : mapping
        One of :data:`~sctl.numerics.hyperparameters.SPACES`, or another.
    run, n_trials, sampler, journal
        As for :func:`~sctl.numerics.tuning.search`.
    """

    def loss(settings: Settings, trial_run: Run) -> float:
        _, log = train_poisson(X, strata, configured(config, settings), run=trial_run)
        best = log.epochs[log.best_epoch]
        return best.validation if np.isfinite(best.validation) else best.train

    return search(loss, space, n_trials=n_trials, sampler=sampler, journal=journal, run=run)
