"""What networks see of some images, laid out: a row a network, a column an image."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.reporting.formats import count
from pipeline.reporting.galleries import Picture

MOST_NETWORKS = 12
"""Networks on the page, which stays small; pictures of all are in ``networks/``."""


@dataclass(frozen=True)
class SeeingNetwork:
    """One network, and what it sees of each image; None where it has no such picture."""

    run: str
    about: str
    """Its method and size."""
    looked_at: tuple[Picture | None, ...]
    """Where the evidence for its prediction lies (Grad-CAM), one an image."""
    maps: tuple[Picture | None, ...]
    """Feature maps of its first convolution, one an image."""
    kernels: Picture | None
    """What its first layer has learnt."""


@dataclass(frozen=True)
class NetworkGallery:
    """All pictures of networks that can be drawn."""

    images: tuple[tuple[str, Picture], ...]
    """(class, picture) of the images."""
    networks: tuple[SeeingNetwork, ...]
    left_out: int
    """Networks beyond `MOST_NETWORKS`."""


def network_gallery(features: pd.DataFrame, networks: pd.DataFrame) -> NetworkGallery | None:
    """Lay out ``networks.csv`` beside the images of ``features.csv``; None without any network."""
    names = list(dict.fromkeys(networks["features"]))
    if not names:
        return None
    originals = features[features["kind"] == "original"].to_dict("records")
    pictures = {
        (row["features"], row["kind"], row["id"]): Picture(row["image"], row["caption"])
        for row in networks.to_dict("records")
    }
    about = {
        row["features"]: f"{row['method']}, {count(row['dimension'])} numbers"
        for row in networks.to_dict("records")
    }
    ids = [row["id"] for row in originals]
    return NetworkGallery(
        images=tuple((row["class"], Picture(row["image"], row["caption"])) for row in originals),
        networks=tuple(
            SeeingNetwork(
                run=name,
                about=about[name],
                looked_at=tuple(pictures.get((name, "gradcam", each)) for each in ids),
                maps=tuple(pictures.get((name, "maps", each)) for each in ids),
                kernels=pictures.get((name, "learnt", -1)),
            )
            for name in names[:MOST_NETWORKS]
        ),
        left_out=len(names) - len(names[:MOST_NETWORKS]),
    )
