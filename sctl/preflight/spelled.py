"""Findings about names that a program has wrapped or spelled anew, and genes that both sides hold under two names."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from anndata import AnnData

from sctl.genes import counterparts, identifier_kind, known_spelling, plain_names
from sctl.preflight.report import Finding, Fix, Role

LEAST = 5
"""Fewer genes under two names are not worth a repair; of large datasets, fewer than two in a thousand."""
_LEAST_SHARE = 0.002


def spelling_findings(adata: AnnData, role: Role) -> Iterator[Finding]:
    """Say what is wrapped around the names of genes, or which program spelled them."""
    plain = plain_names(adata.var_names)
    fix = Fix("plain_names", "Use the plain names", {"role": role})
    given, names = adata.var_names.astype(str), plain.names
    if plain.wrappings:
        changed = given != names
        yield Finding(
            "warn",
            "names_wrapped",
            f"The names of the genes of the {role} hold more than the gene ({', then '.join(plain.wrappings)}): "
            f"{_renamed(given[changed], names[changed])}.",
            "Use the plain names: those of other files are plain too.",
            fix,
        )
        return
    spelled = known_spelling(names)
    changed = spelled != names
    if changed.any():
        yield Finding(
            "warn",
            "names_spelled",
            f"{int(changed.sum()):,} genes of the {role} are spelled as R or another program spells them: "
            f"{_renamed(names[changed], spelled[changed])}.",
            "Use the names of the genes themselves.",
            fix,
        )


def plainly_shared(source: AnnData, target: AnnData) -> int:
    """Return how many genes both would share once each has its plain names, which each is said to need by itself."""
    ours, theirs = (_plain(side).unique() for side in (source, target))
    return len(ours.intersection(theirs))


def counterpart_finding(source: AnnData, target: AnnData) -> Finding | None:
    """Say how many genes both hold under two names, by the tables of genes or by spelling.

    Genes that meet once each side has its plain names do not count: :func:`spelling_findings` names their cause.
    """
    least = max(LEAST, _LEAST_SHARE * min(source.n_vars, target.n_vars))
    found = counterparts(source, target)
    if found:
        ours, theirs = (dict(zip(side.var_names.astype(str), _plain(side), strict=True)) for side in (source, target))
        found = {name: meant for name, meant in found.items() if ours[name] != theirs[meant]}
    if len(found) < least:
        return None
    are_symbols = [identifier_kind(side.var_names) == "symbol" for side in (source, target)]
    role: Role = "target" if are_symbols == [True, False] else "source"
    other = "source" if role == "target" else "target"
    pairs = ", ".join(f"{name!r} and {meant!r}" for name, meant in list(found.items())[:3])
    return Finding(
        "warn",
        "names_differ",
        f"{len(found):,} genes bear one name in the source and another in the target, by the tables of genes in the files "
        f"or by their spelling: {pairs}.",
        f"Name the genes of the {role} as the {other} does.",
        Fix("match_names", f"Name the {role}'s genes as the {other} does", {"role": role}),
    )


def _plain(adata: AnnData) -> pd.Index:
    """Return the names of the genes as the repair ``plain_names`` makes them."""
    return known_spelling(plain_names(adata.var_names).names)


def _renamed(given: object, names: object) -> str:
    listed = list(zip(given, names, strict=True))[:3]  # type: ignore[call-overload]
    return ", ".join(f"{old!r} is {new!r}" for old, new in listed)
