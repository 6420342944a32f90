"""The contract of a method: a dataclass of hyper-parameters with ``fit`` and ``transfer``, and what it says about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar, runtime_checkable

import pandas as pd
from anndata import AnnData
from threadpoolctl import threadpool_limits

from sctl.data import DEPTH, Answer, CanonicalOrder, Depths, Pair, TransferResult, canonical, from_uns
from sctl.errors import NotFittedError
from sctl.methods.parameters import Parameter, check, declared, param
from sctl.run import Run
from sctl.typing import Ints

if TYPE_CHECKING:  # what the protocols below name
    from sctl.methods.explainer import Explainer
    from sctl.methods.transfercluster.sweep import ThetaSweep
    from sctl.methods.transfercluster.theta import ThetaPoint
    from sctl.numerics.hyperparameters import Search, Wanted

__all__ = [
    "Explains",
    "Grows",
    "HasUnits",
    "Parameter",
    "Saveable",
    "SearchesSettings",
    "SelectableResult",
    "SelfTests",
    "SweepsTheta",
    "TransferMethod",
    "fit_transfer",
    "has_capability",
    "learned",
    "param",
    "with_depths",
]


@dataclass(kw_only=True)
class TransferMethod(ABC):
    """Learn from a source, then cluster and label a target.

    A subclass is a dataclass in a module or package of its own in :mod:`sctl.methods`; its fields are its
    hyper-parameters. Learned attributes end in ``_`` and are set in :meth:`fit` alone. What the app, the command line
    and the exports show of a method, they read from the class; everything below ``reference`` has a default. What only
    some methods can do is declared by the protocols of this module, such as :class:`Explains`.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    """One plain sentence: what it does."""
    choose_when: ClassVar[str]
    """One plain sentence: when a biologist should choose it."""
    reference: ClassVar[str]
    """Its paper: authors, year and DOI."""
    citations: ClassVar[tuple[str, ...]] = ()
    """Works that a paper cites beside :attr:`reference` where it uses the method, such as those of its parts."""
    family: ClassVar[str] = ""
    """What relatives have in common, as a plain phrase; empty for a method that works in a way of its own."""
    needs_labels: ClassVar[bool] = False
    """Whether it needs known types by default; see :attr:`requires_labels`."""
    without_labels: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Settings with which a method that needs known types does without them; empty where there are none."""
    sections: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    """Headings over the advanced settings on the form, with the names of the settings below each."""
    order: ClassVar[int] = 100
    """Place in the menu."""
    is_baseline: ClassVar[bool] = False
    """Whether other methods are compared with it."""
    needs_source_cells: ClassVar[bool] = False
    """Whether it needs the cells of the source anew for each target, which a trained source does not have."""
    target_settings: ClassVar[frozenset[str]] = frozenset()
    """Of a method that can be saved: the settings that matter only once a target is met, and can be changed then."""
    array_levels: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Of a method that can be saved: the arrays of :meth:`Saveable.state` that hold something of single cells of the
    source, each with its level, ``"latents"`` or ``"counts"``; see :mod:`sctl.sharing.levels`."""
    is_calibrated: ClassVar[bool] = False
    """Whether its confidence is the probability that the name is right, where the source has the cell's type: learned from
    cells that were held out, not only how clearly one type was preferred."""
    is_pretrained_ = False
    """Whether it comes from a file; it then learns nothing anew."""

    def __post_init__(self) -> None:
        """Check every hyper-parameter against its declaration."""
        for parameter in self.parameters():
            check(parameter, getattr(self, parameter.name))

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """Return the declared hyper-parameters in order."""
        return declared(cls)

    @property
    def params(self) -> Mapping[str, Any]:
        """Return the values of the hyper-parameters."""
        return MappingProxyType({p.name: getattr(self, p.name) for p in self.parameters()})

    @classmethod
    def cost(cls, *, n_source: int, n_target: int, n_thetas: int = 1) -> float | None:
        """Return about how many seconds learning and transfer take on one core, with default settings.

        Parameters
        ----------
        n_source, n_target : int
            Numbers of cells.
        n_thetas : int
            How many θ are tried, of a method that :class:`SweepsTheta`.

        Returns
        -------
        float or None
            None where it was not measured, as by default.
        """
        return None

    @classmethod
    def warnings(cls, result: TransferResult) -> tuple[str, ...]:
        """Return a sentence for each reason why the names in a result of this method may be wrong; by default none.

        Parameters
        ----------
        result : TransferResult
            Of this method; may come from a file.
        """
        return ()

    @classmethod
    def card_facts(cls, facts: Mapping[str, Any]) -> tuple[str, ...]:
        """Return lines of Markdown about what was learned, for the card of a saved model; by default none.

        Parameters
        ----------
        facts : mapping
            The facts that :meth:`Saveable.state` returned, as read from JSON.
        """
        return ()

    @property
    def requires_labels(self) -> bool:
        """Whether the method, set up as it is, needs a source with known types."""
        return self.needs_labels

    @abstractmethod
    def fit(self, source: AnnData, label_key: str | None, run: Run) -> Self:
        """Learn from the source of a :class:`~sctl.data.Pair`."""

    @abstractmethod
    def transfer(self, target: AnnData, run: Run) -> TransferResult:
        """Cluster and label a target with the source's genes; the fitted method is left as it was."""

    def with_settings(self, **settings: Any) -> Self:
        """Return a copy with other settings; what was learned goes along only where it came from a file."""
        other = replace(self, **settings)
        if self.is_pretrained_:
            settable = {item.name for item in fields(self)}
            vars(other).update({name: value for name, value in vars(self).items() if name not in settable})
        return other

    def _require_fitted(self, attribute: str) -> None:
        if attribute not in vars(self):
            raise NotFittedError(
                f"{self.title} has not learned from a source yet.",
                do="Call fit(source, label_key, run) first, or use sctl.transfer(pair, method).",
            )


@runtime_checkable
class SweepsTheta(Protocol):
    """A method whose answer depends on θ, and that can show the whole curve."""

    @property
    def thetas(self) -> tuple[float, ...]:
        """The θ values of the sweep, ascending."""

    def prepare_sweep(self, target: AnnData, run: Run) -> ThetaSweep:
        """Compare a target with the fitted source once, for every θ."""

    def result_at(
        self,
        sweep: ThetaSweep,
        target_names: pd.Index,
        theta: float | None,
        points: Sequence[ThetaPoint],
        *,
        target: AnnData | None = None,
    ) -> TransferResult:
        """Return the result at ``theta``; None chooses it from the points. With ``target``, hidden groups are looked for."""


@runtime_checkable
class Saveable(Protocol):
    """A method whose learned state can be written into a file and taken back; see :mod:`sctl.sharing`."""

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return arrays by name, and facts that JSON holds, among them ``label_names`` and ``genes``."""

    def restore(self, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> Self:
        """Take back what :meth:`state` returned; ``DataError`` if the parts do not fit together."""


@runtime_checkable
class SelectableResult(Protocol):
    """A method whose result holds two answers, one of which was kept: ``diagnostics.kept.answer``."""

    def answered(self, result: TransferResult, answer: Answer) -> TransferResult:
        """Return the result with the answer asked for; nothing is computed anew."""


@runtime_checkable
class Explains(Protocol):
    """A method that can return which genes its labels rest on; see :mod:`sctl.methods.explainer`."""

    def explainer(self, target: AnnData, cells: Ints, run: Run | None = None) -> Explainer:
        """Return how the fitted method weighs labels in some cells of a target, given by their places.

        A method that adapts to the target does so once more: with the seed of the transfer, ``run`` makes it the same.
        """


@runtime_checkable
class Grows(Protocol):
    """A method that learns a reference, which can take in the cells of further datasets."""

    def extended(self, target: AnnData, labels: Sequence[Any], run: Run) -> Self:
        """Return a reference that has a target's cells too; ``labels`` holds the type of each, known or new."""

    def with_adaptors(self, adaptors: Mapping[str, Mapping[str, Any]]) -> Self:
        """Return a copy that knows further datasets by what was learned for them: ``uns["adaptors"]`` of a result."""


@runtime_checkable
class SelfTests(Protocol):
    """A method that learns a reference and can test it on its own cells."""

    def tested(self, source: AnnData, label_key: str, run: Run) -> Self:
        """Return a copy that carries a test of itself; ``source`` is what it was fitted on."""


@runtime_checkable
class HasUnits(Protocol):
    """A method that learns a code of the source's cells, whose units can be looked at."""

    def training_cells(self, source: AnnData, label_key: str | None) -> tuple[Any, Ints, pd.Index]:
        """Return what the network is trained on: values (n_obs, n_genes), the number of each cell's type, and the genes."""


@runtime_checkable
class SearchesSettings(Protocol):
    """A method with a measure of its own by which good settings can be searched on a source, without any target."""

    def search_settings(
        self, source: AnnData, label_key: str | None, wanted: Wanted, *, run: Run, journal: Path | None
    ) -> Search:
        """Try settings; what the search does not change stays as it is here. The trials are written into ``journal``."""


def has_capability(method: type[TransferMethod] | TransferMethod, capability: type[Any]) -> bool:
    """Return whether a method, or the class of one, has a capability.

    Parameters
    ----------
    method : TransferMethod or class
    capability : class
        One of the protocols of this module.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> has_capability(get_method("scarches"), Grows), has_capability(get_method("itclust")(), Grows)
    (True, False)
    """
    return isinstance(method() if isinstance(method, type) else method, capability)


Method = TypeVar("Method", bound=TransferMethod)


def learned(pair: Pair, method: Method, run: Run) -> Method:
    """Let a method learn from a pair's source, in canonical order, unless it comes from a file and has learned already.

    Returns
    -------
    TransferMethod
        The method itself.

    Raises
    ------
    DataError
        If the source has no labels that the method needs.
    """
    if method.is_pretrained_:
        return method
    if method.requires_labels:
        _ = pair.labels
    return method.fit(canonical(pair.source), pair.label_key, run)


def fit_transfer(pair: Pair, method: TransferMethod, run: Run | None = None) -> TransferResult:
    """Fit a method on the pair's source, as it is set up, and label the target: the core of :func:`sctl.workflow.transfer`.

    Batches are corrected only where the method names their column. The order of cells and genes changes no result.

    Parameters
    ----------
    pair : Pair
    method : TransferMethod
    run : Run, optional
        Seed, progress and stop switch; seed 0 and silence by default.

    Returns
    -------
    TransferResult

    Raises
    ------
    DataError, ParameterError
        If the method cannot work on this pair; the text says what to do.
    Cancelled
        If the run was stopped.
    """
    run = run or Run()
    with threadpool_limits(limits=1, user_api="blas"):  # matrices are small: threads that wait cost tenfold
        order = CanonicalOrder.of(pair.target)
        result = learned(pair, method, run).transfer(order.applied(pair.target), run)
        return with_depths(result.take(order.back), pair.target)


def with_depths(result: TransferResult, target: AnnData) -> TransferResult:
    """Return a result that says how deeply both sides were measured, where that is known.

    Parameters
    ----------
    result : TransferResult
    target : AnnData
        The pair's target, as :func:`sctl.preprocess.prepare_pair` makes it.
    """
    known = target.uns.get(DEPTH)
    if known is None:
        return result
    return replace(result, diagnostics=replace(result.diagnostics, depths=from_uns(Depths, known)))
