"""What the networks look at in some images."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.page.formats import count
from pipeline.page.pictures import Picture
from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "What networks see"
ABSENT = "name a network under deep in params.yaml, and run dvc repro illustrate_networks"
MOST_NETWORKS = 12
"""Networks on the page, to keep it small; pictures of all are in ``networks/``."""


@dataclass(frozen=True)
class SeeingNetwork:
    """One network, and what it sees of each image; None where it has no such picture."""

    run: str
    about: str
    """Its method and size."""
    looked_at: tuple[Picture | None, ...]
    """Where the evidence for its prediction is (Grad-CAM), one per image."""
    maps: tuple[Picture | None, ...]
    """Feature maps of its first convolution, one per image."""
    kernels: Picture | None
    """The kernels of its first layer."""


@dataclass(frozen=True)
class NetworkGallery(View):
    """All pictures of networks that can be drawn."""

    images: tuple[tuple[str, Picture], ...]
    """(class, picture) of the images."""
    networks: tuple[SeeingNetwork, ...]
    left_out: int
    """Networks beyond `MOST_NETWORKS`."""


def view(study: StudyResults) -> NetworkGallery | None:
    """Lay out ``networks.csv``; None where no network was drawn."""
    if study.feature_pictures is None or study.network_pictures is None:
        return None
    return network_gallery(study.feature_pictures, study.network_pictures)


def network_gallery(features: pd.DataFrame, networks: pd.DataFrame) -> NetworkGallery | None:
    """Lay out a row per network and a column per image; None without any network."""
    names = list(dict.fromkeys(networks["features"]))
    if not names:
        return None
    originals = features[features["kind"] == "original"].to_dict("records")
    pictures = {
        (row["features"], row["kind"], row["id"]): Picture(row["image"], row["caption"])
        for row in networks.to_dict("records")
    }
    about = {
        row["features"]: f"{row['method']}, {count(row['dimension'])} parameters"
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
                kernels=pictures.get((name, "learned", -1)),
            )
            for name in names[:MOST_NETWORKS]
        ),
        left_out=len(names) - len(names[:MOST_NETWORKS]),
    )
