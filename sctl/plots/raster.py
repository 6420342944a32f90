"""A picture of any number of cells, made by counting them into pixels."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from sctl.typing import Floats

_PIXELS = 600  # on the longer side
_SHADE = 120  # grey of a pixel with cells


def backdrop(coords: Floats) -> dict[str, Any]:
    """Describe a layout image of plotly that shows every cell in grey, denser places darker.

    Parameters
    ----------
    coords : ndarray of shape (n_obs, 2)

    Returns
    -------
    dict
        For ``figure.add_layout_image``; the picture is a PNG inside the address, and lies where its cells do.
    """
    low, high = coords.min(axis=0), coords.max(axis=0)
    extent = np.where(high > low, high - low, 1.0)
    width, height = np.maximum(1, np.ceil(extent / extent.max() * _PIXELS)).astype(int)
    column = np.minimum(((coords[:, 0] - low[0]) / extent[0] * width).astype(np.int64), width - 1)
    row = np.minimum(((high[1] - coords[:, 1]) / extent[1] * height).astype(np.int64), height - 1)
    counts = np.bincount(row * width + column, minlength=width * height).reshape(height, width)
    alpha = np.log1p(counts) / np.log1p(max(1, counts.max()))
    pixels = np.full((height, width, 2), _SHADE, dtype=np.uint8)
    pixels[..., 1] = np.where(counts > 0, 50 + 150 * alpha, 0).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")  # two channels: grey and alpha
    source = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    place = {"x": low[0], "y": high[1], "sizex": extent[0], "sizey": extent[1]}
    return {"source": source, "xref": "x", "yref": "y", "sizing": "stretch", "layer": "below", **place}
