"""The pages of the app as data: titles, purposes and explanations are written here once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Step:
    """One page.

    Parameters
    ----------
    key : str
        Name of the script in ``pages/steps`` and of the address.
    title : str
        Heading of the page.
    short : str
        What the sidebar calls it.
    icon : str
        A Material symbol.
    purpose : str
        One sentence under the heading.
    about : str
        Markdown behind *What is this?*.
    computes : str
        The pipeline's step whose state the page has; empty where the page only shows.
    """

    key: str
    title: str
    short: str
    icon: str
    purpose: str
    about: str = ""
    computes: str = ""

    @property
    def path(self) -> str:
        """The page's script, relative to ``app.py``."""
        return f"pages/steps/{self.key}.py"


HOME = Step(
    key="home",
    title="Name your cells with the help of a large dataset",
    short="Home",
    icon=":material/home:",
    purpose="Group and annotate the cells of a small single-cell dataset by learning from a large, annotated one. "
    "No code needed.",
    about="""
A small experiment often has too few cells to find its cell types reliably. A large, annotated experiment of the
same tissue can help: what is known about its cells is **transferred** to yours.

The app measures how much of that help your data can use, shows you the answer as maps and tables, and says for
every cell how sure it is. Everything runs on the computer that serves this page.
""",
)

DATA = Step(
    key="data",
    computes="data",
    title="Your data",
    short="Data",
    icon=":material/upload_file:",
    purpose="Add the annotated dataset to learn from (source) and the one you want to understand (target).",
    about="""
**Source** is a large dataset whose cell types are known. **Target** is your own, usually small, dataset.
Both are tables of genes and cells, best as raw counts.

Each file is checked when it is added. Problems are listed in plain words, most of them with a *Fix it* button.
Your files are copied into this project and never changed.
""",
)

PREPROCESS = Step(
    key="preprocess",
    computes="preprocess",
    title="Preprocess",
    short="Preprocess",
    icon=":material/filter_alt:",
    purpose="Leave out damaged cells and unusable genes, then bring both datasets to the same scale.",
    about="""
A droplet without a living cell shows few genes, few counts, or mostly mitochondrial genes. The histograms show how
your cells are spread; the limits you set decide which are kept.

Afterwards counts are **normalised** to 10,000 per cell and **log-transformed** (log1p), and the genes that both
datasets share are matched. If you are unsure, change nothing: by default only what cannot be used is left out.
""",
)

TRANSFER = Step(
    key="transfer",
    computes="transfer",
    title="Transfer",
    short="Transfer",
    icon=":material/move_down:",
    purpose="Choose how knowledge is carried from the source to your cells.",
    about="""
Every method learns from the source and then groups and names the cells of the target. They differ in how they learn
and in how long they take; each card says when to choose it. The recommended one is a good start.
""",
)

THETA = Step(
    key="theta",
    computes="theta",
    title="How much to trust the source (θ)",
    short="Trust in the source (θ)",
    icon=":material/tune:",
    purpose="See how the answer changes between using your data alone and leaning on the source.",
    about="""
**θ = 0** groups your cells from your data alone. The larger θ, the more the source decides. For each θ the app
measures how well the resulting groups agree with the structure of your data (kernel target alignment, KTA), and
marks the θ at which they agree best. You can pick another one by hand.
""",
)

EXPLORE = Step(
    key="explore",
    computes="explore",
    title="Explore",
    short="Explore",
    icon=":material/scatter_plot:",
    purpose="Look at your cells on a map, coloured by group, cell type, gene or confidence.",
    about="""
Each point is a cell; cells with similar expression lie close together. Distances between far groups on a UMAP or
t-SNE map mean little: trust who is neighbour of whom, not how far apart islands are.
""",
)

MARKERS = Step(
    key="markers",
    computes="markers",
    title="Marker genes",
    short="Marker genes",
    icon=":material/genetics:",
    purpose="Find the genes that set each group of cells apart, to check the names it was given.",
    about="""
Each group is compared with all other cells (Wilcoxon rank-sum test), gene by gene. Because groups were found in the
same data, p-values are too optimistic: use them to rank genes, not as proof.
""",
)

CONSENSUS = Step(
    key="consensus",
    computes="consensus",
    title="How many groups are there?",
    short="Number of groups",
    icon=":material/grid_view:",
    purpose="See what your cells look like in fewer or more groups, and which of the groups hold together. "
    "You may skip this step.",
    about="""
Your cells are clustered many times. The **heat map** shows how often two cells ended up together: a good group is a
bright square, and a square with a dark cross in it wants to be two groups.

A group is **stable** if it stays the same while the number of groups changes. A **silhouette** near 1 says that a
cell lies clearly in its group, one below 0 that it lies nearer to another. All three together tell more than any one.
""",
)

UNCERTAINTY = Step(
    key="uncertainty",
    title="How sure is it?",
    short="Confidence",
    icon=":material/help_center:",
    purpose="See which cells got a clear name and which did not, and decide where to draw the line.",
    about="""
The confidence of a cell lies between 0 and 1. Where the source has labelled cells, it is the probability that the name is right,
if the source has the cell's type. With a trained source it says only how clearly one cell type was preferred; the page tells
which of both it is. Cells below a limit of your choice can be left *unassigned*.
""",
)

EXPLAIN = Step(
    key="explain",
    title="Why this name?",
    short="Explain",
    icon=":material/lightbulb:",
    purpose="See which genes speak for the name of a group or a cell, which against it, and what pathways they belong to.",
    about="""
A name is always explained **against another**: why is this a beta cell *rather than* an alpha cell? Each gene gets its
share of how much the method prefers the first. Bars to the right speak for the name, bars to the left against it.

The reasons are the method's own. They are not proof: a gene can weigh much because of how a sample was handled.
A ✓ marks known marker genes that are high or low as in cells of this name, a ✗ those that are not. **Pathways** are sets of genes that act
together; a small false discovery rate (FDR) says that their genes gather among the reasons more than chance would have it.
""",
)

EXPORT = Step(
    key="export",
    title="Export",
    short="Export",
    icon=":material/download:",
    purpose="Take the result with you: annotated data, tables and figures.",
    about="""
The annotated dataset (`.h5ad`) opens in Scanpy, and in Seurat after conversion. Tables open in Excel. Figures are
made for print as PNG, SVG or PDF.
""",
)

LIBRARY = Step(
    key="library",
    title="Trained sources",
    short="Trained sources",
    icon=":material/local_library:",
    purpose="Keep what was learned from annotated datasets, use it in any project, and share it.",
    about="""
A **trained source** is what a method has learned from an annotated dataset, as one file. It takes the dataset's place:
its cells are not needed any more, and nothing is trained again.

Make one on the page *Build a reference*, save one on the page *Export*, or use `sctl train`. Here it can be kept, used, given to a colleague, or published with a
DOI on Zenodo, from where those of others can be fetched as well.
""",
)

REFERENCE = Step(
    key="reference",
    title="Build a reference",
    short="Build a reference",
    icon=":material/school:",
    purpose="Learn from annotated datasets once, so that any number of targets can be mapped onto them later.",
    about="""
A **reference** is a network that has learned annotated cells, with the place of each of them in it (scArches). Give one
dataset or several: each file, sample or donor is a *dataset* (a condition), whose peculiarities are learned apart from those of
cell types.

Nothing of your own cells is needed here. Afterwards the reference is **tested**: types, datasets and genes are hidden from it,
and it is asked about them. It can be kept in the library, given to others, and used as the source of any project; the cells
that it was learned from are then not needed any more.
""",
)

HELP = Step(
    key="help",
    title="Help",
    short="Help",
    icon=":material/help:",
    purpose="Words, first steps, and answers to what people ask most.",
)

PIPELINE = (DATA, PREPROCESS, TRANSFER, THETA, EXPLORE, MARKERS, CONSENSUS, UNCERTAINTY, EXPLAIN, EXPORT)
"""The steps of an analysis, in order."""

ALL = (HOME, *PIPELINE, REFERENCE, LIBRARY, HELP)


def following(step: Step) -> Step:
    """Return the step after ``step``; the last one follows itself.

    >>> following(DATA).key
    'preprocess'
    """
    place = PIPELINE.index(step)
    return PIPELINE[min(place + 1, len(PIPELINE) - 1)]
