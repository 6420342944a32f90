"""Two answers about the same cells."""

from __future__ import annotations

import numpy as np

from sctl.core.before_after import Clustering
from sctl.two_answers import TwoClusterings


def test_new_groups_pass_over_the_names_of_types() -> None:
    side = Clustering(np.eye(4), np.array([0, 1, -1, -1]), np.zeros((4, 2)))
    both = TwoClusterings(side, side, ("alpha", "new group 1"))
    assert both.cluster_names(side) == ("alpha", "new group 1", "new group 2", "new group 3")
