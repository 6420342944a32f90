"""``sctl methods`` and ``sctl inspect``: what there is, and what a file holds."""

from __future__ import annotations

import argparse

from sctl import methods, preflight, sharing, workflow
from sctl.cli.status import UNUSABLE


def list_methods(arguments: argparse.Namespace) -> int:
    """Print every method with its settings."""
    for key, method in methods.METHODS.items():
        print(f"{key}\n    {method.title}. {method.summary}\n    Choose it when: {method.choose_when}")
        for parameter in method.parameters():
            choices = f" ({', '.join(map(str, parameter.choices))})" if parameter.choices else ""
            print(f"    --param {parameter.name}={parameter.default}{choices}: {parameter.doc}")
    return 0


def inspect_given(arguments: argparse.Namespace) -> int:
    """Print what the pre-flight says; the status tells whether ``sctl run`` can use the file."""
    if arguments.file.suffix == sharing.ENDING:
        manifest = sharing.read_manifest(arguments.file)
        load = sharing.load_trained if manifest.get("source") else sharing.load_model
        load(arguments.file)  # says what is wrong, if anything is
        card = sharing.model_card(manifest)
        print("".join(sign for sign in card if sign.isprintable() or sign == "\n"))  # a stranger's words
        return 0
    adata, report = preflight.inspect_file(arguments.file, role=arguments.role)
    print(f"{arguments.file.name}: {adata.n_obs:,} cells × {adata.n_vars:,} genes")
    for finding in report:
        sign = "repair" if workflow.repairs(finding) else _SIGNS[finding.level]
        print(f"{sign:8}{finding.text} {finding.do}".rstrip())
    return 0 if all(workflow.repairs(finding) for finding in report.of("block")) else UNUSABLE


_SIGNS = {"ok": "ok", "advice": "note", "warn": "warning", "block": "error"}
