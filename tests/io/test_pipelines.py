"""What counting programs write, in their own names and orientations."""

import gzip
import io
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import io as scipy_io
from scipy import sparse

from sctl.errors import DataError
from sctl.io import read, read_many
from tests.io.test_reading import same, write_10x

IDS = [f"ENSG{i:011d}" for i in range(14)]


def lines(items):
    return "\n".join(items) + "\n"


def put(folder, files, *, packed=False):
    for name, content in files.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        written = io.BytesIO() if sparse.issparse(content) else io.BytesIO(content.encode())
        if sparse.issparse(content):
            scipy_io.mmwrite(written, content.astype(int))
        path.write_bytes(gzip.compress(written.getvalue()) if packed else written.getvalue())
    return folder


def kb(adata, stem="cells_x_genes"):
    return {
        f"{stem}.mtx": adata.X, f"{stem}.barcodes.txt": lines(adata.obs_names),
        f"{stem}.genes.txt": lines(IDS), f"{stem}.genes.names.txt": lines(adata.var_names),
    }  # fmt: skip


def kb_with_prefixes(adata):
    return kb(adata) | {"cells_x_genes.barcodes.prefix.txt": lines(["AAAA"] * 9)}


def parse(adata, stem="count_matrix"):
    genes = pd.DataFrame({"gene_id": IDS, "gene_name": adata.var_names, "genome": "hg38"})
    cells = pd.DataFrame({"bc_wells": adata.obs_names, "sample": ["s1", "s2", "s3"] * 3, "tscp_count": range(9)})
    return {
        f"{stem}.mtx": adata.X,
        "all_genes.csv": genes.to_csv(index=False),
        "cell_metadata.csv": cells.to_csv(index=False),
    }


def parse_dge(adata):
    return parse(adata, "DGE")


def alevin_fry(adata):
    return {
        "quants_mat.mtx": adata.X, "quants_mat_rows.txt": lines(adata.obs_names), "quants_mat_cols.txt": lines(IDS),
        "gene_id_to_name.tsv": lines(f"{i}\t{name}" for i, name in zip(IDS, adata.var_names, strict=True)),
    }  # fmt: skip


def ten_x(adata):
    features = lines(f"{i}\t{name}\tGene Expression" for i, name in zip(IDS, adata.var_names, strict=True))
    return {"matrix.mtx": adata.X.T, "features.tsv": features, "barcodes.tsv": lines(adata.obs_names)}


def star_solo(adata):
    return ten_x(adata) | {"UniqueAndMult-EM.mtx": adata.X.T * 2, "Features.stats": "noUnmapped 1\n"}


def matrix_genes(adata):
    genes = lines(f"{i}\t{name}" for i, name in zip(IDS, adata.var_names, strict=True))
    return {"matrix.mtx": adata.X.T, "matrix_genes.tsv": genes, "matrix_barcodes.tsv": lines(adata.obs_names)}


def drop_est(adata):
    return {
        "cell.counts.mtx": adata.X.T, "cell.counts.genes.tsv": lines(adata.var_names),
        "cell.counts.cells.tsv": lines(adata.obs_names),
    }  # fmt: skip


def of_a_series(adata):
    genes = lines(f"{i}\t{name}" for i, name in zip(IDS, adata.var_names, strict=True))
    return {"GSM1_s_counts.mtx": adata.X.T, "GSM1_s_genes.tsv": genes, "GSM1_s_cells.tsv": lines(adata.obs_names)}


def with_headers(adata):
    genes = pd.DataFrame({"gene_ids": IDS, "gene_short_name": adata.var_names})
    return {
        "counts.mtx": adata.X.T, "counts_genes.csv": genes.to_csv(index=False),
        "counts_barcodes.csv": lines(["barcode", *adata.obs_names]), "scrublet_doublet_scores.csv": lines("1" * 9),
    }  # fmt: skip


def genes_with_header(adata):
    genes = pd.DataFrame({"gene_id": IDS, "gene_name": adata.var_names})
    return {
        "matrix.mtx": adata.X.T,
        "genes.tsv": genes.to_csv(index=False, sep="\t"),
        "barcodes.tsv": lines(adata.obs_names),
    }


FORMS = [kb, kb_with_prefixes, parse, parse_dge, alevin_fry, ten_x, star_solo, matrix_genes, drop_est, of_a_series,
         with_headers, genes_with_header]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("square", [False, True])
def test_cells_genes_and_symbols_are_found(small, tmp_path, form, packed, square):
    global IDS  # noqa: PLW0603 - a square matrix has fewer genes
    every = IDS
    if square:  # the sizes do not tell which are cells
        small = small[:, :9].copy()
        IDS = every[:9]
    try:
        back = read(put(tmp_path / "f", form(small), packed=packed) if (tmp_path / "f").mkdir() is None else None)
    finally:
        IDS = every
    assert same(back, small)
    if form is not drop_est:
        assert list(back.var["gene_ids"]) == every[: small.n_vars]


@pytest.mark.parametrize("form", FORMS)
def test_in_a_zip_and_as_loose_files(small, tmp_path, form):
    (tmp_path / "f").mkdir()
    files = sorted(put(tmp_path / "f", form(small)).iterdir())
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for file in files:
            archive.write(file, f"out/{file.name}")
    assert same(read(tmp_path / "x.zip"), small)
    assert same(read_many(files), small)


def test_what_parse_says_of_cells_is_kept(small, tmp_path):
    back = read(put(tmp_path, parse(small)))
    assert list(back.obs["sample"]) == ["s1", "s2", "s3"] * 3
    assert list(back.obs["tscp_count"]) == list(range(9))
    assert list(back.var["genome"]) == ["hg38"] * 14


def test_alevin_fry_that_counts_unspliced_reads_apart(small, tmp_path):
    parts = [small.X, small.X * 3, small.X * 5]
    ids = [i + ending for ending in ("", "-U", "-A") for i in IDS]
    files = {
        "quants_mat.mtx": sparse.hstack(parts, format="csr"), "quants_mat_rows.txt": lines(small.obs_names),
        "quants_mat_cols.txt": lines(ids),
    }  # fmt: skip
    back = read(put(tmp_path, files))
    assert list(back.var_names) == IDS
    np.testing.assert_array_equal(back.X.toarray(), small.X.toarray() * 6)
    np.testing.assert_array_equal(back.layers["unspliced"].toarray(), small.X.toarray() * 3)
    assert "spliced and ambiguous" in back.uns["read_notes"]


def test_cellbender(small, tmp_path):
    write_10x(tmp_path / "x.h5", small)
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        file["droplet_latents/cell_probability"] = np.ones(9)
        file["global_latents/ambient_expression"] = np.ones(14)
        file["metadata/learning_curve"] = np.ones(3)
    assert same(read(tmp_path / "x.h5"), small)


def test_bd_rhapsody(small, tmp_path):
    table = small.to_df().astype(int).set_axis(range(101, 110))
    table.index.name = "Cell_Index"
    table["CD8:RPA_T8|CD8A|AHS0027|pAbO"] = 5
    (tmp_path / "x.csv").write_text("####################\n## BD Targeted\n## v1\n" + table.to_csv())
    back = read(tmp_path / "x.csv")
    assert list(back.obs_names) == [str(i) for i in range(101, 110)]
    assert back.n_vars == 15


def tcc(adata):
    return {
        "cells_x_tcc.mtx": adata.X,
        "cells_x_tcc.ec.txt": "0\t1\n",
        "cells_x_tcc.barcodes.txt": lines(adata.obs_names),
    }


def peaks(adata):
    places = [f"chr1\t{i}00\t{i}99" for i in range(14)]
    return {"matrix.mtx": adata.X.T, "peaks.bed": lines(places), "barcodes.tsv": lines(adata.obs_names)}


def named_peaks(adata):
    places = [f"chr{i}:100-20{i}" for i in range(14)]
    return {"matrix.mtx": adata.X.T, "features.tsv": lines(places), "barcodes.tsv": lines(adata.obs_names)}


def alevin(adata):
    return {"quants_mat.gz": "x", "quants_mat_rows.txt": lines(adata.obs_names), "quants_mat_cols.txt": lines(IDS)}


def several(adata):
    parts = {f"cells_x_genes.{kind}.mtx": adata.X for kind in ("mature", "nascent", "ambiguous")}
    return {**parts, **{name: content for name, content in kb(adata).items() if not name.endswith(".mtx")}}


def velocyto(adata):
    both = {name: content for name, content in ten_x(adata).items() if name != "matrix.mtx"}
    return {"spliced.mtx": adata.X.T, "unspliced.mtx": adata.X.T, **both}


REFUSED = {
    tcc: "classes of transcripts", peaks: "peaks of open chromatin", named_peaks: "peaks of open chromatin",
    alevin: "binary form of salmon alevin", several: "cells_x_genes.ambiguous.mtx", velocyto: "spliced.mtx, unspliced.mtx",
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_what_holds_no_counts_of_genes_is_refused_in_words(small, tmp_path, form):
    with pytest.raises(DataError, match=REFUSED[form]):
        read(put(tmp_path, form(small)))


def test_classes_of_transcripts_beside_genes_do_not_disturb(small, tmp_path):
    assert same(read(put(tmp_path, tcc(small) | kb(small))), small)


def test_several_samples_are_named(small, tmp_path):
    files = {f"{sample}_{name}": content for sample in ("GSM1", "GSM2") for name, content in ten_x(small).items()}
    with pytest.raises(DataError, match=r"holds 2 samples: GSM1_matrix\.mtx, GSM2_matrix\.mtx"):
        read(put(tmp_path, files))


def test_one_barcode_too_many_is_no_header(small, tmp_path):
    files = ten_x(small)
    files["barcodes.tsv"] = lines(["AAACATACAACCAC-9", *small.obs_names])
    with pytest.raises(DataError, match="10 cells"):
        read(put(tmp_path, files))


@pytest.mark.parametrize("square", [False, True])
def test_sizes_that_do_not_tell_genes_from_cells_are_named(small, tmp_path, square):
    adata = small[:, :9].copy() if square else small
    back = read(put(tmp_path, {
        "matrix.mtx": adata.X.T, "barcodes.tsv": lines(adata.obs_names), "genes.tsv": lines(adata.var_names),
    }))  # fmt: skip
    assert same(back, adata)
    assert ("as many rows as columns" in back.uns.get("read_notes", "")) == square


@pytest.mark.parametrize("kinds", ["", "\tGene Expression"])
def test_symbols_may_stand_before_ids(small, tmp_path, kinds):
    features = lines(f"{symbol}\t{IDS[i]}{kinds}" for i, symbol in enumerate(small.var_names))
    back = read(
        put(tmp_path, {"matrix.mtx": small.X.T, "barcodes.tsv": lines(small.obs_names), "features.tsv": features})
    )
    assert same(back, small)
    assert list(back.var["gene_ids"]) == IDS
