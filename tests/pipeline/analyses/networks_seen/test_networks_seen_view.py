"""The layout of what networks see."""

from __future__ import annotations

import pandas as pd

from pipeline.analyses.networks_seen.view import MOST_NETWORKS, network_gallery
from pipeline.storage.pictures import NETWORKS


def table(*rows):
    return pd.DataFrame(rows, columns=list(NETWORKS.names))


ORIGINALS = table(
    ("", "", 48, "original", 4, "cat", "features/4.png", "image 4"),
    ("", "", 48, "original", 7, "dog", "features/7.png", "image 7"),
)


def drawn(run, kind, id_):
    return (run, "lenet5", 61706, kind, id_, "cat", f"networks/{run}/{kind}.png", f"{run} {kind}")


def test_a_row_a_network_and_a_column_an_image():
    found = network_gallery(
        ORIGINALS,
        table(
            drawn("small", "learned", -1), drawn("small", "gradcam", 7), drawn("mlp", "learned", -1)
        ),
    )
    assert [name for name, _ in found.images] == ["cat", "dog"]
    small, mlp = found.networks
    assert (small.run, small.about) == ("small", "lenet5, 61,706 parameters")
    assert [each and each.image for each in small.looked_at] == [None, "networks/small/gradcam.png"]
    assert small.maps == mlp.looked_at == (None, None)
    assert mlp.kernels.caption == "mlp learned"


def test_without_a_network_there_is_none():
    assert network_gallery(ORIGINALS, table()) is None


def test_the_page_stays_small():
    rows = [drawn(f"net{index}", "gradcam", 4) for index in range(MOST_NETWORKS + 2)]
    found = network_gallery(ORIGINALS, table(*rows))
    assert len(found.networks) == MOST_NETWORKS
    assert found.left_out == 2
