"""What a reader should know of a trained model, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
        f"{manifest['sctl']} with seed {manifest['seed']}. It holds weights and names only, no cell of the source.\n\n"
        f"- Learned from {facts.get('n_source', 'an unknown number of')} cells.\n"
        f"- Compares cells by {len(facts['genes'])} genes, e.g. {', '.join(facts['genes'][:5])}.\n"
        f"- Cell types: {', '.join(facts['label_names'])}.\n\n"
        "It names a cell by the type it resembles most among these, right or wrong: look at the marker genes of what it "
        "finds, and expect less of other tissues, species and protocols than those it learned from.\n\n"
        "## Use\n\n"
        "```python\n"
        "from sctl.preprocess import log_normalise\n"
        "from sctl.run import Run\n"
        "from sctl.sharing import load_model\n\n"
        'result = load_model("model.sctl").transfer(log_normalise(target), Run())\n'
        "```\n\n"
        f"## Settings\n\n| Setting | Value |\n|---|---|\n{settings}\n"
    )
