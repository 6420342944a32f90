"""The contract of a method: a dataclass of hyper-parameters with ``fit`` and ``transfer``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import inf
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    Protocol,
    Self,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

import pandas as pd
from anndata import AnnData
from threadpoolctl import threadpool_limits

from sctl.data import DEPTH, Answer, Depths, Pair, TransferResult, from_uns
from sctl.errors import NotFittedError, ParameterError
from sctl.run import Run

if TYPE_CHECKING:  # the types of one family, which the protocol below names
    from sctl.methods.transfercluster.sweep import ThetaSweep
    from sctl.methods.transfercluster.theta import ThetaPoint


@dataclass(frozen=True)
class Parameter:
    """What is known of one hyper-parameter; the form, the checks and the docs read it."""

    name: str
    default: Any
    doc: str
    title: str
    kind: type
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    optional: bool = False
    advanced: bool = False


def param(
    default: Any,
    doc: str,
    *,
    title: str = "",
    low: float | None = None,
    high: float | None = None,
    advanced: bool = False,
) -> Any:
    """Declare a hyper-parameter once: default, help text, range.

    Parameters
    ----------
    default : object
        Its default.
    doc : str
        One plain sentence, shown as help.
    title : str
        What the form calls it; by default the field's name in words.
    low, high : float, optional
        Inclusive bounds.
    advanced : bool
        Whether the form hides it among the advanced settings.
    """
    notes = {"doc": doc, "title": title, "low": low, "high": high, "advanced": advanced}
    return field(default=default, metadata=notes)


@dataclass(kw_only=True)
class TransferMethod(ABC):
    """Learn from a source, then cluster and label a target.

    A subclass is a dataclass in a file of its own in :mod:`sctl.methods`; its fields are its
    hyper-parameters. Learned attributes end in ``_`` and are set in :meth:`fit` alone.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    """One plain sentence: what it does."""
    choose_when: ClassVar[str]
    """One plain sentence: when a biologist should choose it."""
    reference: ClassVar[str]
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
    target_settings: ClassVar[frozenset[str]] = frozenset()
    """Of a method that can be saved: the settings that matter only once a target is met, and can be changed then."""
    array_levels: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Of a method that can be saved: the arrays of :meth:`Saveable.state` that hold something of single cells of the
    source, each with its level, ``"latents"`` or ``"counts"``; see :mod:`sctl.sharing.levels`."""
    is_pretrained_ = False
    """Whether it comes from a file; it then learns nothing anew."""

    def __post_init__(self) -> None:
        """Check every hyper-parameter against its declaration."""
        for parameter in self.parameters():
            _check(parameter, getattr(self, parameter.name))

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """Return the declared hyper-parameters in order."""
        hints = get_type_hints(cls)
        return tuple(_parameter(item, hints[item.name]) for item in fields(cls) if item.metadata.get("doc"))

    @property
    def params(self) -> Mapping[str, Any]:
        """Return the values of the hyper-parameters."""
        return MappingProxyType({p.name: getattr(self, p.name) for p in self.parameters()})

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
            declared = {item.name for item in fields(self)}
            vars(other).update({name: value for name, value in vars(self).items() if name not in declared})
        return other

    def _require_fitted(self, attribute: str) -> None:
        if not hasattr(self, attribute):
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


Method = TypeVar("Method", bound=TransferMethod)


def learned(pair: Pair, method: Method, run: Run) -> Method:
    """Let a method learn from a pair's source, unless it comes from a file and has learned already.

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
    return method.fit(pair.source, pair.label_key, run)


def transfer(pair: Pair, method: TransferMethod, run: Run | None = None) -> TransferResult:
    """Learn from the pair's source and label its target.

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
        return with_depths(learned(pair, method, run).transfer(pair.target, run), pair.target)


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


def _parameter(item: Any, hint: Any) -> Parameter:
    arguments = get_args(hint)
    optional = type(None) in arguments
    if optional:
        hint = next(argument for argument in arguments if argument is not type(None))
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    kind = type(choices[0]) if choices else (get_origin(hint) or hint)
    notes = item.metadata
    return Parameter(
        name=item.name,
        default=item.default,
        doc=notes["doc"],
        title=notes["title"] or item.name.replace("_", " ").capitalize(),
        kind=kind,
        choices=choices,
        low=notes["low"],
        high=notes["high"],
        optional=optional,
        advanced=notes["advanced"],
    )


def _check(parameter: Parameter, value: Any) -> None:
    if value is None and parameter.optional:
        return
    if parameter.choices:
        if value not in parameter.choices:
            raise ParameterError(
                f"{parameter.name} is {value!r}.",
                expected=f"It must be one of {list(parameter.choices)}.",
                do="Choose one of these.",
            )
        return
    number = parameter.kind in (int, float)
    accepted: tuple[type, ...] = (int, float) if parameter.kind is float else (parameter.kind,)
    if not isinstance(value, accepted) or (number and isinstance(value, bool)):
        raise ParameterError(
            f"{parameter.name} is {value!r}.",
            expected=f"It must be of type {parameter.kind.__name__}.",
            do=_default(parameter),
        )
    size: Any = value  # checked just now to be a number
    low = -inf if parameter.low is None else parameter.low
    high = inf if parameter.high is None else parameter.high
    if number and not low <= size <= high:
        raise ParameterError(
            f"{parameter.name} is {value!r}.",
            expected=f"It must lie between {low} and {high}.",
            do=_default(parameter),
        )


def _default(parameter: Parameter) -> str:
    if parameter.default is None:
        return "Leave it out to have it chosen for you."
    return f"The default is {parameter.default!r}."
