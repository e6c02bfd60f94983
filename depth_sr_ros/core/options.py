"""What may differ from frame to frame without anything being built anew."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from depth_sr_ros.files.depth_units import MILLIMETRE, NO_RETURN, check_no_return, check_unit


@dataclass(frozen=True)
class FrameOptions:
    """How one frame is upsampled.

    Attributes:
        fill_holes: keep the depth that was estimated where the sensor saw nothing.
        clip_to_measured: give no depth nearer or farther than what was measured around it, see
            `depth_image.clip_to_measured`: helps with any sensor that mixes near and far at edges. Without effect under
            `consistency`.
        consistency: make the result's bicubic reduction equal the measurement, for which it must go beyond the measurement at
            edges: helps with an exact sensor only.
        ensemble: take the mean over four flips of the frame: more accurate, in four times the time.
        min_depth, max_depth: metres; measured depth outside is invalid, results are clipped to the range.
        iterations: steps of a method that iterates, from 0; None takes the method's own number.
        depth_unit: metres per count of integer depth; float depth is metres.
        no_return: values of the depth image's own numbers that mean no return, beside 0, NaN and infinities.

    Raises:
        TypeError: a value is of another kind.
        ValueError: a value is out of its range.
    """

    fill_holes: bool = False
    clip_to_measured: bool = True
    consistency: bool = False
    ensemble: bool = False
    min_depth: float = 0.0
    max_depth: float = float("inf")
    iterations: int | None = None
    depth_unit: float = MILLIMETRE
    no_return: tuple[float, ...] = NO_RETURN

    def __post_init__(self) -> None:
        flags = {name: getattr(self, name) for name in ("fill_holes", "clip_to_measured", "consistency", "ensemble")}
        check_kinds(flags, (bool, np.bool_), "True or False")
        check_kinds({"min_depth": self.min_depth, "max_depth": self.max_depth}, numbers.Real, "a number of metres")
        if not 0 <= self.min_depth < self.max_depth:
            raise ValueError(f"depth range [{self.min_depth}, {self.max_depth}] m must have 0 <= min_depth < max_depth")
        check_kinds({"depth_unit": self.depth_unit}, numbers.Real, "a number of metres")
        check_unit(self.depth_unit)
        check_no_return(self.no_return)
        number = self.iterations
        if number is not None and (not isinstance(number, numbers.Integral) or isinstance(number, bool) or number < 0):
            raise ValueError(f"iterations must be a whole number from 0, got {number!r}; None takes the method's own")

    @classmethod
    def of(cls, options: Mapping[str, object]) -> FrameOptions:
        """Make options of keyword arguments.

        Raises:
            TypeError: there is no such option; the message lists those that there are.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise TypeError(f"there is no option {name!r}; options are: {', '.join(known)}")
        return cls(**options)  # type: ignore[arg-type]  # __post_init__ checks them

    def limits(self) -> str:
        """Name the depth range for a message, where there is one: depth that the sensor saw may lie outside."""
        if self.min_depth <= 0 and self.max_depth == float("inf"):
            return ""
        return f" between min_depth, {self.min_depth:g} m, and max_depth, {self.max_depth:g} m"


def check_kinds(values: Mapping[str, object], kinds: type | tuple[type, ...], wanted: str) -> None:
    """Check that arguments, given by name, are of one of the kinds.

    Raises:
        TypeError: one is not; the message names it, its value and what it must be.
    """
    for name, value in values.items():
        if not isinstance(value, kinds):
            raise TypeError(f"{name} must be {wanted}, got {value!r}")
