"""How sensors and drivers reduce depth."""

import numpy as np
import pytest
import torch

from depth_sr_ros.training.reductions import block_mean, block_median, decimated

SCALE = 4


def holed(share: float = 0.3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    depth = torch.rand(2, 1, 24, 32, generator=generator) + 1
    depth[torch.rand(depth.shape, generator=generator) < share] = torch.nan
    depth[0, 0, :SCALE, :SCALE] = torch.nan  # a block without any
    return depth


def blocks_of(depth: torch.Tensor):
    """Yield where a block goes, and its pixels."""
    for image in range(len(depth)):
        for row in range(depth.shape[2] // SCALE):
            for column in range(depth.shape[3] // SCALE):
                area = slice(row * SCALE, (row + 1) * SCALE), slice(column * SCALE, (column + 1) * SCALE)
                yield (image, 0, row, column), depth[image, 0][area].numpy()


def centre(block: np.ndarray) -> float:
    return block[SCALE // 2, SCALE // 2]


@pytest.mark.parametrize(
    ("reduce", "of_block"),
    [(block_mean, np.nanmean), (block_median, np.nanmedian), (decimated, centre)],
    ids=lambda one: one.__name__,
)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_a_block_is_reduced_from_its_valid_pixels_where_half_of_them_are(reduce, of_block, share):
    depth = holed(share)
    reduced, valid = reduce(depth, SCALE), 0
    for place, block in blocks_of(depth):
        if np.isfinite(block).mean() < 0.5:
            assert reduced[place].isnan()
        else:
            assert reduced[place].item() == pytest.approx(of_block(block), abs=1e-6, nan_ok=True)
            valid += 1
    assert valid > 10


@pytest.mark.parametrize("reduce", [block_mean, block_median, decimated])
def test_the_form_is_kept(reduce):
    assert reduce(torch.ones(3, 1, 16, 8), 8).shape == (3, 1, 2, 1)
