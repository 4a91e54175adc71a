"""The head over VGG16, and its options."""

import numpy as np
import pytest
from deep_cases import deep_spec

from pipeline.checks import StudyError


def test_linear_head_by_default_sizes():
    network = deep_spec("vgg16_transfer", hidden=0).network((1024,), 10)
    assert network.count_params() == 10 * (1024 + 1)


def test_hidden_layer():
    network = deep_spec("vgg16_transfer", hidden=16, dropout=0.5).network((100,), 1)
    assert network.count_params() == 16 * 101 + 17
    assert network.get_layer("hidden_dropout").rate == 0.5


def test_l2_is_a_penalty_on_the_kernels_of_the_head():
    network = deep_spec("vgg16_transfer", hidden=8, l2=0.01).network((20,), 3)
    kernels = [network.get_layer(name).kernel for name in ("hidden", "output")]
    expected = 0.01 * sum(float(np.square(np.asarray(kernel)).sum()) for kernel in kernels)
    assert float(sum(network.losses)) == pytest.approx(expected, rel=1e-5)
    assert deep_spec("vgg16_transfer", hidden=8, l2=0).network((20,), 3).losses == []


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"layers": ["block4_poll"]}, "did you mean 'block4_pool'"),
        ({"layers": []}, "at least one layer"),
        ({"layers": ["block5_pool", "block5_pool"]}, "at most once"),
        ({"image_size": 31}, "32"),
        ({"pooling": "mean"}, "average"),
    ],
)
def test_wrong_options(option, message):
    with pytest.raises(StudyError, match=message):
        deep_spec("vgg16_transfer", **option)


def test_a_missing_file_is_found_by_the_check(tmp_path):
    spec = deep_spec("vgg16_transfer", weights=str(tmp_path / "none.h5"))
    with pytest.raises(StudyError, match="there is no weights file"):
        spec.check_files()
