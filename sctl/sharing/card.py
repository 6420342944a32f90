"""What a reader should know of a trained model, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sctl.methods import METHODS


def model_card(manifest: Mapping[str, Any]) -> str:
    """Describe a model in words.

    Parameters
    ----------
    manifest : mapping
        As in the model's file.

    Returns
    -------
    str
        Markdown.

    Examples
    --------
    >>> facts = {"label_names": ["alpha", "beta"], "genes": ["INS"], "n_source": 10}
    >>> manifest = {"title": "ItClust", "method": "itclust", "reference": "Hu et al.", "facts": facts}
    >>> print(model_card({**manifest, "params": {"dropout": 0.5}, "seed": 0, "sctl": "0.1.0", "note": ""}).split()[1])
    ItClust
    """
    facts = manifest["facts"]
    settings = "\n".join(f"| `{name}` | {value} |" for name, value in manifest["params"].items())
    note = f"{manifest['note']}\n\n" if manifest.get("note") else ""
    return (
        f"# {manifest['title']} model with {len(facts['label_names'])} cell types\n\n"
        f"{note}"
        f"A trained model of the method {manifest['title']} ({manifest['reference']}), written by sctl "
        f"{manifest['sctl']} with seed {manifest['seed']}. {held(manifest)}\n\n"
        f"- Learned from {facts.get('n_source', 'an unknown number of')} cells{_name(manifest)}.\n"
        f"- Compares cells by {len(facts['genes'])} genes, e.g. {', '.join(facts['genes'][:5])}.\n"
        f"- Cell types: {_types(manifest)}.\n"
        f"- License: {(manifest.get('source') or {}).get('license') or 'none is stated; ask whoever made it'}.\n"
        f"{_facts_of_the_method(manifest)}\n"
        "It names a cell by the type it resembles most among these, right or wrong: look at the marker genes of what it "
        "finds, and expect less of other tissues, species and protocols than those it learned from.\n\n"
        f"## Use\n\n{_shell(manifest)}"
        "```python\n"
        "from sctl.preprocess import log_normalize\n"
        "from sctl.run import Run\n"
        "from sctl.sharing import load_model\n\n"
        'result = load_model("model.sctl").transfer(log_normalize(target), Run())\n'
        "```\n\n"
        f"## Settings\n\n| Setting | Value |\n|---|---|\n{settings}\n"
    )


def _facts_of_the_method(manifest: Mapping[str, Any]) -> str:
    """Return the lines that the method has for its card, where it is installed."""
    kind = METHODS.get(manifest["method"])
    lines = () if kind is None else kind.card_facts(manifest["facts"])
    return "".join(f"- {line}\n" for line in lines)


FEW = 5
"""The mean profile of fewer cells than this is close to a single cell."""


def held(manifest: Mapping[str, Any]) -> str:
    """Say what a model's file holds of its source."""
    cells = _CELLS.get(str(manifest.get("keep")), "but no cell of the source")
    source = manifest.get("source")
    if not source:
        return f"It holds weights and names, {cells}."
    few = [name for name, n in zip(manifest["facts"]["label_names"], source["n_cells"], strict=True) if n < FEW]
    close = (
        f" Of {', '.join(few)} there were fewer than {FEW} cells, so their means are close to single cells."
        if few
        else ""
    )
    return f"It holds weights, names and the mean expression of every cell type, {cells}.{close}"


_CELLS = {
    "latents": "and every cell of the source as a point of the model's space, with its cell type but no expression value",
    "counts": "and the cells of the source with their counts",
}


def _name(manifest: Mapping[str, Any]) -> str:
    name = (manifest.get("source") or {}).get("name")
    return f" of {name}" if name else ""


def _types(manifest: Mapping[str, Any]) -> str:
    names, source = manifest["facts"]["label_names"], manifest.get("source")
    if not source:
        return ", ".join(names)
    return ", ".join(f"{name} ({n} cells)" for name, n in zip(names, source["n_cells"], strict=True))


def _shell(manifest: Mapping[str, Any]) -> str:
    if not manifest.get("source"):
        return ""
    return (
        "In the app: choose this file as the source on the page *Data*. In a shell:\n\n"
        "```bash\nsctl run --model model.sctl --target my_cells.h5ad --out named.h5ad\n```\n\nIn Python:\n\n"
    )
