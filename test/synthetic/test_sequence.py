"""The film that the simulated camera plays, and its cache."""

import os

import numpy as np
import pytest

from depth_sr_ros.synthetic.sequence import KEPT, SequenceSettings, camera_pose, load_or_make, make_sequence

SMALL = SequenceSettings(width=64, height=48, scale=8, frames=3)


def ignore(done, total):
    """A progress display that shows nothing."""


@pytest.fixture(scope="module")
def film():
    return make_sequence(SMALL, ignore)


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("rgb", "depth", "ground_truth"))


def test_images_have_the_sizes_and_units_that_they_are_published_with(film):
    assert (film.rgb.shape, film.rgb.dtype) == ((3, 48, 64, 3), np.uint8)
    assert (film.depth.shape, film.depth.dtype) == ((3, 6, 8), np.uint16)
    assert (film.ground_truth.shape, film.ground_truth.dtype) == ((3, 48, 64), np.float32)
    blocks = film.ground_truth.reshape(3, 6, 8, 8, 8).swapaxes(2, 3).reshape(3, 6, 8, 64)
    returned = film.depth > 0
    assert returned.mean() > 0.8
    measured = film.depth / 1000
    slack = 0.05 * measured  # noise
    assert (measured >= blocks.min(-1) - slack)[returned].all() and (measured <= blocks.max(-1) + slack)[returned].all()


def test_the_camera_moves_along_a_closed_path_without_jumps(film):
    assert not np.array_equal(film.ground_truth[0], film.ground_truth[1])
    phases = np.linspace(0, 1, 101)
    places = np.array([camera_pose(phase)[1].numpy() for phase in phases])
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    np.testing.assert_allclose(places[0], places[-1], atol=1e-6)
    assert steps.max() < 0.02
    for phase in phases:
        rotation = camera_pose(phase)[0].numpy()
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)


def test_the_same_settings_give_the_same_film_and_another_seed_another(film):
    assert same(film, make_sequence(SMALL, ignore))
    other = SequenceSettings(width=64, height=48, scale=8, frames=1, seed=3)
    assert not np.array_equal(film.ground_truth[0], make_sequence(other, ignore).ground_truth[0])


def test_without_noise_the_depth_is_exact_and_nothing_is_missing():
    film = make_sequence(SequenceSettings(width=64, height=48, scale=1, frames=1, noise=False), ignore)
    np.testing.assert_allclose(film.depth / 1000, film.ground_truth, atol=0.0006)


def test_a_film_is_made_once(tmp_path, film):
    seen = []
    first = load_or_make(SMALL, lambda done, total: seen.append((done, total)), tmp_path)
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert same(first, film)
    again = load_or_make(SMALL, lambda *_: pytest.fail("it was made again"), tmp_path)
    assert same(again, film)


def test_a_broken_file_in_the_cache_is_replaced(tmp_path, film):
    load_or_make(SMALL, ignore, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    assert same(load_or_make(SMALL, ignore, tmp_path), film)
    assert same(load_or_make(SMALL, lambda *_: pytest.fail("it was not replaced"), tmp_path), film)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, film):
    (tmp_path / "file").touch()
    assert same(load_or_make(SMALL, ignore, tmp_path / "file"), film)


def test_the_cache_does_not_grow_without_end(tmp_path):
    for age in range(6):
        (tmp_path / f"{age}.npz").touch()
        os.utime(tmp_path / f"{age}.npz", (1000 - age, 1000 - age))
    load_or_make(SequenceSettings(width=16, height=16, scale=8, frames=1), ignore, tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == KEPT and {"0.npz", "1.npz", "2.npz"} < left  # and the new one


def test_a_progress_display_can_stop_the_making():
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_sequence(SMALL, stop)


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="100 x 48 pixels are no multiple of scale 8"):
        make_sequence(SequenceSettings(width=100, height=48), ignore)
