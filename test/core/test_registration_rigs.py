"""Registration on simulated rigs: what each camera of config/cameras sees of a scene whose depth is known exactly."""

import math

import numpy as np
import pytest
from rigs import BOX, CAMERAS, FACES, POLE, SHELF, cast, grown, low, rig_of, shrunk, visible

from depth_sr_ros.core.working_grid import Rig

SCALE = 8
RIGS = [(path.stem, factor) for path in CAMERAS for factor in (1, 4)]


@pytest.fixture(scope="module", params=RIGS, ids=lambda rig: f"{rig[0]} by {rig[1]}")
def case(request):
    """Found and exact depth on the grid, which face it is of, what the depth camera sees, its pixels' size on the grid."""
    name, factor = request.param
    calibration = low(rig_of(name), factor)
    rig = Rig(calibration.colour, calibration.depth, calibration.depth_to_colour, SCALE)
    measured = cast(calibration.depth, calibration.depth_to_colour).depth.astype(np.float32)
    exact = cast(rig.camera, np.eye(4))
    seen = visible(rig.camera, exact, calibration.depth, calibration.depth_to_colour)
    size = math.ceil(0.5 + max(0.5, rig.camera.fx / calibration.depth.fx))
    return rig.bring(measured), exact, seen, size


def inner_of(exact, seen, size):
    inner = [shrunk((exact.face == face) & seen, size) for face in FACES if face != POLE]
    return np.any(inner, axis=0)


def test_depth_is_what_the_colour_camera_would_measure(case):
    found, exact, seen, size = case
    error = np.abs(found - exact.depth) / exact.depth
    inner = inner_of(exact, seen, size)
    assert inner.sum() > 2000
    assert np.nanmedian(error[inner]) < 3e-4
    assert np.nanmax(error[inner]) < 0.01


def test_surfaces_have_no_gaps(case):
    found, exact, seen, size = case
    assert np.isnan(found[inner_of(exact, seen, size)]).mean() < 5e-4


def test_what_the_depth_camera_does_not_see_is_invalid(case):
    found, _, seen, size = case
    assert np.isfinite(found[~grown(seen, size)]).mean() < 1e-3 if (~grown(seen, size)).any() else seen.mean() > 0.9


def test_borders_lie_within_a_pixel_of_the_grid_or_of_the_depth_image(case):
    found, exact, seen, size = case
    box = exact.face == BOX
    there = np.isfinite(found) & (np.abs(found - FACES[BOX][1]) < 0.1)
    assert shrunk(box & seen, size).sum() > 100
    assert there[shrunk(box & seen, size)].all()
    others = np.isin(exact.face, (POLE, SHELF))  # at their borders pixels hold a mixture, which may be the box's depth
    away = ~grown(box, size) & ~grown(others, size) & (np.abs(exact.depth - FACES[BOX][1]) > 0.3)
    assert not there[away].any()


def test_a_pole_is_kept(case):
    found, exact, seen, size = case
    pole = (exact.face == POLE) & seen
    assert pole.sum() > 50
    assert (np.abs(found - exact.depth)[pole] < 0.03).mean() > (0.9 if size == 1 else 0.6)
