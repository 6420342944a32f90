"""What the help page says: words, questions, and whom to cite."""

from __future__ import annotations

from sctl.data.demo import CITATION
from sctl.methods import METHODS

GLOSSARY = """
| Word | What it means here |
|---|---|
| Source | The large dataset whose cell types are known |
| Target | Your dataset, which is to be grouped and named |
| Trained source | What a method has learned from a source, as one file without cells; it can be used in the source's place |
| Counts | How many molecules of each gene were seen in each cell: whole numbers, before any normalisation |
| Log-normalised | Counts scaled to 10,000 per cell, then log(1 + x) |
| Gene identifier | A symbol such as *INS*, or an Ensembl id such as *ENSG00000254647* |
| Highly variable genes | Genes that differ between cells more than chance explains |
| Cluster, group | Cells of the target that the method put together |
| Cell type, label | The name a cell was given: one of the source's types |
| Your own labels | The names as you left them; the method's own are never overwritten |
| θ (theta) | How much the source decides: 0 not at all, 1 alone |
| KTA | Kernel target alignment: how well groups agree with the structure of the data; larger is better |
| Silhouette | How much nearer cells are to their own group than to the next, from −1 to 1 |
| Confidence | How probable it is that the name is right, if the source has the cell's type, from 0 to 1; with a trained source, how clearly the type was preferred |
| Second opinion | The names that simple classifiers give to the same cells |
| Unassigned | A cell without a name: the method gave it none, or you left it without one, below a limit of confidence |
| Marker gene | A gene that is expressed more strongly in one group than in the other cells |
| log2 fold change | 1 means twice as much, 2 four times as much, −1 half as much |
| AUROC | Chance that a cell of the group has more of a gene than a cell outside; 0.5 means no difference |
| Adjusted p | p-value corrected for the many genes that were tested |
| ARI | Agreement of groups with the truth, where it is known: 1 the same, 0 as by chance |
| UMAP, t-SNE, PCA | Ways to lay cells out on a plane so that similar ones lie close together |
"""

QUESTIONS: tuple[tuple[str, str], ...] = (
    (
        "Which files can I use?",
        "`.h5ad` (Scanpy), `.h5` (10x Cell Ranger), a 10x folder as `.zip`, `.tar.gz` or its three loose files, "
        "`.csv`, `.tsv`, `.txt` (also `.gz`), and `.loom`.",
    ),
    (
        "How do I export from Seurat?",
        "In R: `library(Matrix); writeMM(GetAssayData(object, layer = 'counts'), 'matrix.mtx')`, and write "
        "`rownames(object)` to `genes.tsv` and `colnames(object)` to `barcodes.tsv`. Upload the three files together.",
    ),
    (
        "Does my dataset need raw counts?",
        "Raw counts are best. Log-normalised values work too; steps that need counts are then left out, and the app "
        "says so. Scaled values (z-scores) cannot be used: upload the data as they were before scaling.",
    ),
    (
        "It says that source and target share too few genes.",
        "Most often one file has gene symbols and the other Ensembl ids, or one is human and the other mouse. The "
        "Data page finds out which, and offers *Fix it*.",
    ),
    (
        "How many cells do I need?",
        "Ten at the least. Between 10 and a few thousand is what TransferCluster was made for; with more, your data "
        "may need no help.",
    ),
    (
        "Can I use one source for many targets, or give it to a colleague?",
        "Yes. After a run, *Save the trained source* on the Export page gives a small `.sctl` file without "
        "expression values of single cells. In another project, upload it as the source on the Data page: nothing is trained again.",
    ),
    (
        "The curve over θ is flat. What now?",
        "Then the score does not depend on how much the source is trusted. Where the groups are the same, too, any θ will do; "
        "where they differ, compare some values. If θ = 0 is chosen, the source "
        "does not help: check that it is of the same tissue and has the cell types you expect.",
    ),
    (
        "Everything is unassigned, or the confidence is low.",
        "Source and target may come from different tissues or species, or share few genes. The checks on the Data page "
        "say so. A low confidence in a single group can also mean a cell type that the source does not have.",
    ),
    (
        "Two cell types that I know are apart were put together.",
        "Ask for more clusters on the Transfer page, or select the cells on the Explore page and give them a name of "
        "your own.",
    ),
    (
        "Something is marked *out of date*.",
        "You changed a setting that comes before it. The earlier result is still shown; run the step again to renew "
        "it, or press Undo.",
    ),
    (
        "Can I close the browser while something runs?",
        "Yes. The computation goes on. Open the same address again to see where it stands. *Stop* keeps what is "
        "finished, and *Resume* goes on from there.",
    ),
    (
        "A computation ended without a word.",
        "Most often memory ran out. Use fewer source cells or genes, or a computer with more memory. What was finished "
        "is kept.",
    ),
    (
        "Is my data sent anywhere?",
        "No. Files stay on the computer that serves this page, in the folder of your project.",
    ),
)
"""Questions and answers, in the order in which they come up."""


def citations() -> str:
    """Return whom to cite, as Markdown."""
    by_reference: dict[str, list[str]] = {}
    for method in METHODS.values():
        by_reference.setdefault(method.reference, []).append(method.title)
    lines = [f"- **{', '.join(titles)}:** {reference}" for reference, titles in by_reference.items()]
    lines += [f"- **{what}:** {whom}" for what, whom in _ALSO]
    return "\n".join([*lines, f"- **The demo's data:** {CITATION}"])


_ALSO = (
    ("Consensus clustering", "Kiselev et al. (2017), SC3, Nature Methods 14:483"),
    ("UMAP", "McInnes et al. (2018), arXiv:1802.03426"),
    ("t-SNE", "van der Maaten & Hinton (2008), JMLR 9:2579; Poličar et al. (2024), J. Stat. Softw. 109(3)"),
    ("Marker genes", "Soneson & Robinson (2018), Nature Methods 15:255"),
)
