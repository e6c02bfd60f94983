"""Layers that methods share: resizing as PIL does it, padding, folding."""

import numpy as np
import pytest
import torch

from depth_sr_ros.methods.layers import pad_to_multiple, pixel_unshuffle, resize_bicubic, resize_matrix

SIZES = [(6, 48), (7, 28), (48, 6), (60, 15), (50, 7), (7, 50), (9, 9), (1, 8), (8, 1), (3, 2)]


@pytest.mark.parametrize(("n_in", "n_out"), SIZES)
def test_resizing_is_a_sum_over_the_kernel(n_in, n_out):
    """Keys' cubic of a = -0.5, stretched where it shrinks, over the samples in reach, normalised to one."""
    ratio = n_in / n_out
    stretch = max(1.0, ratio)
    for i, row in enumerate(resize_matrix(n_in, n_out)):
        weights = []
        for j in range(n_in):
            x = abs((j + 0.5) - (i + 0.5) * ratio) / stretch
            if x < 1:
                weights.append(1.5 * x**3 - 2.5 * x**2 + 1)
            else:
                weights.append(-0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0)
        # Whole samples only, as PIL has it: one whose share of the kernel is under half a sample is left out.
        assert np.abs(row - np.array(weights) / sum(weights)).max() < (1e-6 if ratio <= 1 else 0.02)


@pytest.mark.parametrize(("n_in", "n_out"), SIZES)
def test_resizing_is_pils(n_in, n_out):
    image_module = pytest.importorskip("PIL.Image")
    image = np.random.default_rng(1).random((n_in, 11), dtype=np.float32)
    expected = np.asarray(image_module.fromarray(image).resize((11, n_out), image_module.BICUBIC))
    assert np.abs(resize_matrix(n_in, n_out) @ image - expected).max() < 2e-6


def test_an_image_is_resized_along_both_axes():
    image_module = pytest.importorskip("PIL.Image")
    image = np.random.default_rng(2).random((9, 14), dtype=np.float32)
    for size in ((36, 56), (3, 7), (18, 5)):
        expected = np.asarray(image_module.fromarray(image).resize(size[::-1], image_module.BICUBIC))
        assert np.abs(resize_bicubic(torch.from_numpy(image)[None, None], size)[0, 0].numpy() - expected).max() < 2e-6


def test_padding_repeats_the_border_up_to_a_multiple():
    image = torch.arange(6.0).view(1, 1, 2, 3)
    assert pad_to_multiple(image, 4)[0, 0].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    assert pad_to_multiple(image, 1) is image


def test_folding_is_pytorchs_pixel_unshuffle():
    image = torch.rand(2, 3, 8, 12)
    assert torch.equal(pixel_unshuffle(image, 4), torch.nn.functional.pixel_unshuffle(image, 4))
