"""The model of a time-of-flight camera."""

import math

import numpy as np
import pytest
import torch

from depth_sr_ros.synthetic.sensors import IDEAL, TofSensor, incidence_cosine, measure

SCALE, FOCAL = 8, 200.0
HEIGHT, WIDTH = 192, 256
QUIET = TofSensor(noise=0, noise_growth=0, speckle=0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def grey(value=0.6):
    return torch.full((3, HEIGHT, WIDTH), value)


def flat(metres):
    return torch.full((HEIGHT, WIDTH), float(metres))


def plane(distance, degrees):
    """A plane turned about the vertical axis that meets the optical axis at `distance` metres."""
    u = (torch.arange(WIDTH) - (WIDTH - 1) / 2) / FOCAL
    depth = distance / (1 - u * math.tan(math.radians(degrees)))
    return depth.expand(HEIGHT, -1).clone()


def step(near=1.0, far=3.0, column=100):
    """A near half and a far one; the edge lies within a column of measured pixels."""
    depth = flat(far)
    depth[:, :column] = near
    return depth


@pytest.mark.parametrize("distance", [1.0, 3.0, 6.0])
def test_noise_grows_with_the_distance_as_stated(distance):
    sensor = TofSensor(speckle=0)
    errors = measure(flat(distance), grey(), SCALE, FOCAL, seeded(), sensor) - distance
    expected = sensor.noise + sensor.noise_growth * distance**2
    assert errors.std().item() == pytest.approx(expected, rel=0.1)
    assert abs(errors.mean().item()) < 4 * expected / math.sqrt(errors.numel())


@pytest.mark.parametrize("degrees", [-45, 0, 30, 45])
def test_planes_are_measured_without_bias(degrees):
    ground_truth = plane(2.0, degrees)
    # the plane at the centres of the measured pixels: inverse depth is linear in the image
    centres = 1 / torch.nn.functional.avg_pool2d(1 / ground_truth[None], SCALE)[0]
    measured = measure(ground_truth, grey(), SCALE, FOCAL, seeded(), QUIET)
    inside = ~measured.isnan()
    assert inside.float().mean() > 0.8
    assert ((measured - centres).abs() / centres)[inside].max() < 0.004


def test_a_measured_pixel_is_the_mean_over_its_footprint():
    ground_truth = 2 + 0.01 * torch.rand(HEIGHT, WIDTH, generator=seeded())
    mean = torch.nn.functional.avg_pool2d(ground_truth[None], SCALE)[0]
    # rough at the pixel's scale, so the ideal sensor: nothing is too oblique for it
    assert (measure(ground_truth, grey(), SCALE, FOCAL, seeded(), IDEAL) - mean).abs().max() < 0.003


def test_values_are_whole_millimetres():
    millimetres = 1000 * measure(flat(2.0), grey(), SCALE, FOCAL, seeded(), TofSensor(speckle=0))
    np.testing.assert_allclose(millimetres, millimetres.round(), atol=1e-3)


def test_the_same_seed_gives_the_same_picture():
    pictures = [measure(step(), grey(), SCALE, FOCAL, seeded(seed)).nan_to_num() for seed in (1, 1, 2)]
    assert torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[0], pictures[2])


def test_flying_pixels_are_at_edges_only_and_as_many_as_stated():
    sensor = TofSensor(noise=0, noise_growth=0, speckle=0, flying_share=0.5)
    measured = measure(step(1.0, 3.0, column=100), grey(), SCALE, FOCAL, seeded(), sensor)
    edge = 100 // SCALE
    between = (measured > 1.001) & (measured < 2.999)
    assert not between[:, :edge].any() and not between[:, edge + 1 :].any()
    assert 4 <= between[:, edge].sum() <= 20  # of 24, half of them by chance
    assert len(set(measured[:, edge][~between[:, edge]].tolist())) == 1  # the surface that weighs more


def test_the_foreground_grows_where_light_falls_off():
    ground_truth = step(1.0, 3.0, column=98)  # a quarter of the edge pixels' footprint is near

    def at_edge(falloff):
        sensor = TofSensor(noise=0, noise_growth=0, speckle=0, flying_share=0, falloff=falloff)
        return measure(ground_truth, grey(), SCALE, FOCAL, seeded(), sensor)[:, 98 // SCALE]

    assert (at_edge(0) == 3.0).all() and (at_edge(2) == 1.0).all()


def test_a_slanted_surface_has_no_flying_pixels():
    ground_truth = plane(2.0, 45)
    some = measure(ground_truth, grey(), SCALE, FOCAL, seeded(1), QUIET)
    others = measure(ground_truth, grey(), SCALE, FOCAL, seeded(2), QUIET)
    assert torch.equal(some.nan_to_num(), others.nan_to_num())  # nothing is left to chance


@pytest.mark.parametrize(("metres", "returns"), [(0.2, False), (0.5, True), (7.5, True), (8.5, False)])
def test_no_return_beyond_the_range(metres, returns):
    assert (~measure(flat(metres), grey(), SCALE, FOCAL, seeded(), QUIET).isnan()).all() == returns


def test_no_return_from_dark_surfaces_far_away():
    rgb = grey()
    rgb[:, :, WIDTH // 2 :] = 0.0
    near, far = (measure(flat(metres), rgb, SCALE, FOCAL, seeded(), QUIET).isnan() for metres in (1.0, 5.0))
    assert not near.any()
    assert far[:, WIDTH // 2 // SCALE :].all() and not far[:, : WIDTH // 2 // SCALE].any()


def test_no_return_from_oblique_surfaces():
    ground_truth = plane(2.0, 50)
    angle = incidence_cosine(ground_truth, FOCAL).acos().rad2deg()
    lost = measure(ground_truth, grey(), SCALE, FOCAL, seeded(), TofSensor(max_incidence=70, speckle=0)).isnan()
    footprints = torch.nn.functional.avg_pool2d(angle[None], SCALE)[0]
    assert lost[footprints > 71].all() and not lost[footprints < 69].any()
    assert lost.any() and not lost.all()


def test_incidence_is_that_of_the_plane():
    cosine = incidence_cosine(plane(2.0, 40), FOCAL)
    middle = cosine[HEIGHT // 2, WIDTH // 2].item()
    assert math.degrees(math.acos(middle)) == pytest.approx(40, abs=0.5)


def test_edges_are_not_taken_for_oblique_surfaces():
    assert not measure(step(), grey(), SCALE, FOCAL, seeded(), QUIET).isnan().any()


def test_speckle_takes_its_share():
    lost = measure(flat(2.0), grey(), SCALE, FOCAL, seeded(), TofSensor(speckle=0.1)).isnan()
    assert lost.float().mean().item() == pytest.approx(0.1, abs=0.04)


def test_the_ideal_sensor_sees_everything_exactly():
    assert torch.equal(measure(flat(20.0), grey(0.0), SCALE, FOCAL, seeded(), IDEAL), flat(20.0)[::SCALE, ::SCALE])


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="256 x 192 pixels is no multiple of scale 5"):
        measure(flat(2.0), grey(), 5, FOCAL, seeded())
