"""The weights for what sensors measure: ahead of the baselines, and of the exact weights, on real sensors' depth."""

from functools import lru_cache

import cv2
import numpy as np
import pytest
from real_data import DATA

from depth_sr_ros import Upsampler
from depth_sr_ros.evaluation.lowering import lower
from depth_sr_ros.evaluation.sensor_metrics import sensor_errors
from depth_sr_ros.methods.registry import available

FOLDER = DATA / "real_dev"
IMAGES = ("nyu_raw_100", "tum_0")
SENSOR_WEIGHTS = [(info.name, scale) for info in available() for scale in info.sensor_scales if scale in (4, 8, 16)]


@lru_cache
def wrong_share(method: str, scale: int, degradation: str) -> float:
    """Mean share of wrong pixels over the images, lowered by the median of each block."""
    upsampler, found = Upsampler(method, scale, degradation=degradation), []
    for name in IMAGES:
        depth = cv2.imread(str(FOLDER / "depth" / f"{name}.png"), cv2.IMREAD_UNCHANGED).astype(np.float32) / 1000
        depth[depth == 0] = np.nan
        guide = cv2.imread(str(next((FOLDER / "rgb").glob(f"{name}.*"))))[..., ::-1]
        result = upsampler(np.ascontiguousarray(guide), lower(depth, scale, "median")).depth
        found.append(sensor_errors(result, depth, scale).wrong_share)
    return float(np.mean(found))


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no {FOLDER}; DEPTH_SR_DATA names its folder")
@pytest.mark.parametrize(("method", "scale"), SENSOR_WEIGHTS)
def test_sensor_weights_are_ahead_on_real_sensors_depth(method, scale):
    found = wrong_share(method, scale, "sensor")
    assert found < 0.98 * wrong_share(method, scale, "exact")
    assert found < 0.95 * min(wrong_share(name, scale, "exact") for name in ("bicubic", "joint_bilateral"))
