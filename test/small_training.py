"""A training run that takes seconds, for tests of what training does."""

from depth_sr_ros.training.recipe import Recipe

TINY = Recipe("tiny", "fdkn", (8,), {"widths": [4, 4, 4]}, steps=4, batch=1, crop=64, scenes=2, warmup=1, average=0.5)
