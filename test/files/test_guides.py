"""16-bit guides by their own range, steadily over time."""

import numpy as np

from depth_sr_ros.files.guides import Stretch

RNG = np.random.default_rng(0)


def infrared(bits=10, gain=1.0, shape=(48, 64)):
    """A picture that uses the lower bits of 16, with a few hot pixels."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    pixels = (20 + gain * (2**bits - 40) * (rows + columns) / (sum(shape) - 2)).astype(np.uint16)
    pixels[3, 5] = 65535
    return pixels


def test_ten_bits_use_the_whole_range_whatever_a_hot_pixel_says():
    grey = Stretch()(infrared())
    assert grey.dtype == np.uint8 and grey.shape == (48, 64)
    assert grey[0, 0] <= 5 and grey[-1, -1] >= 250 and len(np.unique(grey)) > 100


def test_brighter_stays_brighter():
    pixels = infrared(12)
    order = np.argsort(pixels, axis=None, kind="stable")
    assert (np.diff(Stretch()(pixels).reshape(-1)[order].astype(int)) >= 0).all()


def test_one_image_with_a_glare_changes_the_picture_little():
    stretch = Stretch()
    before = stretch(infrared())
    glare = infrared()
    glare[:10] = 4000
    during = stretch(glare)[10:]
    assert np.abs(during.astype(int) - before[10:]).max() < 80
    assert np.abs(Stretch()(glare)[10:].astype(int) - before[10:]).max() > 120  # what its own range would have done


def test_a_lasting_change_is_followed():
    stretch = Stretch()
    stretch(infrared())
    for _ in range(60):
        grey = stretch(infrared(gain=0.5))
    assert grey[-1, -1] >= 245


def test_a_range_that_does_not_overlap_is_taken_at_once():
    stretch = Stretch()
    stretch(infrared())
    grey = stretch(infrared() // 2 + np.uint16(30_000))
    assert grey[0, 0] <= 5 and grey[-1, -1] >= 250


def test_noise_of_a_dark_image_is_not_blown_up():
    grey = Stretch()(RNG.integers(100, 103, (48, 64)).astype(np.uint16))
    assert np.ptp(grey) <= 40


def test_colours_keep_their_ratios():
    pixels = np.zeros((8, 8, 3), np.uint16)
    pixels[:, 1:] = 4000, 2000, 1000
    np.testing.assert_allclose(Stretch()(pixels)[4, 4].astype(int), (255, 128, 64), atol=1)
