"""What a user has chosen in a project, as one value, and the fingerprints that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from sctl import workflow
from sctl.errors import ProjectError
from sctl.project.files import canonical, digest

STEPS = workflow.STEPS
UPSTREAM = workflow.UPSTREAM
ROLES = ("source", "target")


@dataclass(frozen=True)
class Settings:
    """Everything that undo brings back: small, because inputs and labels are named by fingerprint.

    Parameters
    ----------
    inputs : mapping of role to fingerprint
    params : mapping of step to its parameters
        Only what differs from the defaults of :mod:`sctl.workflow`.
    labels, truth : str or None
        Fingerprint of the user's final labels, and of true labels kept aside.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    labels: str | None = None
    truth: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {
            "inputs": dict(self.inputs),
            "params": {step: dict(values) for step, values in self.params.items()},
            "labels": self.labels,
            "truth": self.truth,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned.

        Raises
        ------
        ProjectError
            If the value has another shape.
        """
        inputs, params = value.get("inputs"), value.get("params")
        refs = [*inputs.values(), value.get("labels"), value.get("truth")] if isinstance(inputs, dict) else [0]
        if not all(ref is None or _is_ref(ref) for ref in refs) or not _is_params(params):
            raise ProjectError(
                "The settings of this project are damaged.",
                do="Import a copy of the project, or start anew.",
            )
        assert isinstance(inputs, dict) and isinstance(params, dict)  # noqa: PT018
        return cls(inputs, params, value.get("labels"), value.get("truth"))

    def of(self, step: str) -> dict[str, Any]:
        """Return the parameters of a step, completed with their defaults."""
        return workflow.complete(step, self.params.get(check_step(step), {}))

    def with_params(self, step: str, params: Mapping[str, Any]) -> Self:
        """Return settings in which a step has other parameters; only what is not default is kept."""
        others = {name: values for name, values in self.params.items() if name != check_step(step)}
        chosen = workflow.reduce(step, params)
        return replace(self, params={**others, step: chosen} if chosen else others)

    def with_input(self, role: str, fingerprint: str | None) -> Self:
        """Return settings with another input for a role, or none."""
        others = {name: ref for name, ref in self.inputs.items() if name != check_role(role)}
        return replace(self, inputs=others if fingerprint is None else {**others, role: fingerprint})

    def fingerprint(self, step: str) -> str:
        """Return the name of a step's result: everything it depends on, and sctl's version."""
        upstream = UPSTREAM[check_step(step)]
        edited = self.labels if step == "markers" and self.of(step)["groups"] == "final" else None
        return digest(
            canonical(
                {
                    "labels": edited,
                    "step": step,
                    "version": workflow.version(),
                    "params": self.params.get(step, {}),  # without defaults: nothing need be imported to know them
                    "upstream": self.fingerprint(upstream) if upstream else dict(self.inputs),
                }
            )
        )

    def references(self) -> set[str]:
        """Return the fingerprints of all files that these settings name."""
        return {*self.inputs.values(), *(ref for ref in (self.labels, self.truth) if ref)}


def check_step(step: str) -> str:
    """Return ``step`` if there is such a step.

    Raises
    ------
    ProjectError
        Otherwise.
    """
    if step not in STEPS:
        raise ProjectError(f"There is no step {step!r}.", expected=f"The steps are {list(STEPS)}.")
    return step


def check_role(role: str) -> str:
    """Return ``role`` if it is ``"source"`` or ``"target"``.

    Raises
    ------
    ProjectError
        Otherwise.
    """
    if role not in ROLES:
        raise ProjectError(f"There is no input {role!r}.", expected=f"The inputs are {list(ROLES)}.")
    return role


def _is_ref(value: object) -> bool:
    return isinstance(value, str) and len(value) == 16 and all(letter in "0123456789abcdef" for letter in value)


def _is_params(value: object) -> bool:
    return isinstance(value, dict) and all(step in STEPS and isinstance(item, dict) for step, item in value.items())
