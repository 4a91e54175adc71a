"""The layers of networks on disk."""

from __future__ import annotations

from pathlib import Path

from pipeline.storage.network_layers import (
    LAYERS,
    NetworkLayer,
    layers_of,
    layers_table,
    load_network_layers,
)
from pipeline.storage.pictures import save_network_pictures

KNOWN = NetworkLayer(1, "c1", "Conv2D", "3×3, same", (0,), (8, 8, 4), 112, 3, 6912, 3)
EMPTY = NetworkLayer(2, "add", "Add", "", (1, 0), (8, 8, 4), 0, 0, None, None)


def test_what_is_written_is_read(tmp_path: Path):
    networks = {"1": [KNOWN, EMPTY], "-net": [KNOWN]}
    save_network_pictures([], tmp_path, networks)
    table = load_network_layers(tmp_path)
    assert tuple(table) == LAYERS.names
    assert {run: layers_of(table, run) for run in networks} == networks


def test_a_study_without_them_has_none(tmp_path: Path):
    save_network_pictures([], tmp_path)
    assert load_network_layers(tmp_path) is None


def test_no_network_is_an_empty_table(tmp_path: Path):
    save_network_pictures([], tmp_path, {})
    assert load_network_layers(tmp_path).empty
    assert layers_of(layers_table({}), "any") == []
