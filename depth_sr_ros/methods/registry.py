"""Methods by name: which there are, which have weights, and how to get one ready to run."""

from __future__ import annotations

import importlib
import numbers
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from depth_sr_ros.methods.errors import MethodError, MissingWeights, UnknownMethod, UnsupportedScale
from depth_sr_ros.methods.weights import DEGRADATIONS, at_scale, is_file, load_weights
from depth_sr_ros.system.package_files import share_directory

if TYPE_CHECKING:
    from depth_sr_ros.methods.base import Method

# A new method is one file and one line here. Modules are imported when a method is first asked for.
_CLASSES = {
    "ahmf": "AHMF",
    "bicubic": "Bicubic",
    "dada": "DADA",
    "dada_free": "DADAFree",
    "dkn": "DKN",
    "fdkn": "FDKN",
    "guided_filter": "GuidedFilter",
    "jiif": "JIIF",
    "joint_bilateral": "JointBilateral",
    "naima": "NAIMA",
}
MAX_SCALE = 32
ALL_SCALES = tuple(range(2, MAX_SCALE + 1))
SENSOR_ENDING = "_sensor"  # of the names of weights for what sensors measure
ENCODER_SIZE = 30_000_000  # numbers that a network may have besides its weights file: DINOv2's small encoder has 22 million


@dataclass(frozen=True)
class MethodInfo:
    """A line of `depth-sr methods`.

    Attributes:
        scales: those that it works at here, because it has weights or needs none.
        sensor_scales: those that it has weights at for what sensors measure; at the others its exact ones serve there too.
    """

    name: str
    summary: str
    paper: str
    learned: bool
    scales: tuple[int, ...]
    sensor_scales: tuple[int, ...] = ()


def known_methods() -> list[str]:
    """Return the names of all methods, sorted."""
    return sorted(_CLASSES)


def method_class(name: str) -> type[Method]:
    """Return the class of a method.

    Raises:
        UnknownMethod: the message lists the known ones.
    """
    if not isinstance(name, str) or name not in _CLASSES:
        raise UnknownMethod(f"unknown method {name!r}: known methods are {', '.join(known_methods())}")
    return getattr(importlib.import_module(f".{name}", __package__), _CLASSES[name])


def weights_directory() -> Path:
    """Return the folder of the weights that came with the package."""
    return share_directory() / "weights"


def weights_path(name: str, scale: int, degradation: str = "exact") -> Path:
    """Return where the weights of a method at a scale lie, whether they are there or not.

    Args:
        name, scale: of the method.
        degradation: "sensor" takes those for what sensors measure where there are such, "exact" never.

    Raises:
        UnknownMethod: the message lists the known ones.
        MethodError: there is no such degradation.
    """
    if degradation not in DEGRADATIONS:
        raise MethodError(f"degradation is {degradation!r}, it must be {' or '.join(DEGRADATIONS)}")
    stem = name if method_class(name).any_scale else f"{name}_x{scale}"
    for_sensors = weights_directory() / f"{stem}{SENSOR_ENDING}.safetensors"
    return for_sensors if degradation == "sensor" and is_file(for_sensors) else weights_directory() / f"{stem}.safetensors"


def scales_with_weights(name: str, ending: str = "") -> tuple[int, ...]:
    """Return the scales that a method has weights for, ascending; with SENSOR_ENDING those for what sensors measure."""
    if method_class(name).any_scale:
        return ALL_SCALES if is_file(weights_directory() / f"{name}{ending}.safetensors") else ()
    stems = (path.stem.removesuffix(ending) for path in weights_directory().glob(f"{name}_x*{ending}.safetensors"))
    found = (stem.rpartition("_x")[2] for stem in stems)
    return tuple(sorted(int(scale) for scale in found if scale.isdigit()))


def scales_of(name: str) -> tuple[int, ...]:
    """Return the scales that a method works at here, because it has or needs no weights, ascending."""
    return scales_with_weights(name) if method_class(name).learned else ALL_SCALES


def available() -> list[MethodInfo]:
    """Return what is known of every method, sorted by name."""
    return [
        MethodInfo(
            name,
            cls.summary,
            cls.paper,
            cls.learned,
            scales_of(name),
            scales_with_weights(name, SENSOR_ENDING) if cls.learned else (),
        )
        for name in known_methods()
        for cls in [method_class(name)]
    ]


def methods_at(scale: int) -> list[str]:
    """Return the names of the methods that work at a scale here, sorted.

    Raises:
        UnsupportedScale: none can.
    """
    scale = _whole_scale(scale)
    return [info.name for info in available() if scale in info.scales]


def check(name: str, scale: int, weights: Path | None = None) -> None:
    """Raise what `load_method` would raise for lack of the method, the scale or the weights, without loading.

    Raises:
        UnknownMethod, UnsupportedScale, MissingWeights: the message names the valid choices.
        MethodError: there are weights for a method that takes none.
    """
    cls = method_class(name)
    scale = _whole_scale(scale)
    if weights is not None and not cls.learned:
        raise MethodError(f"method {name!r} has learnt nothing and takes no weights, so {weights} would have no effect")
    if weights is not None and not is_file(Path(weights)):
        raise MissingWeights(f"no weights file {weights} for {name} x{scale}")
    if cls.learned and weights is None and scale not in scales_with_weights(name):
        raise MissingWeights(_missing(name, scale))


def check_iterations(name: str, iterations: int | None) -> None:
    """Refuse a number of iterations for a method that has none; None asks for none.

    Raises:
        MethodError: the message names the methods that have iterations.
    """
    if iterations is None or method_class(name).is_iterative:
        return
    iterative = [one for one in known_methods() if method_class(one).is_iterative]
    raise MethodError(
        f"method {name!r} has no iterations, so {iterations} cannot be asked of it; methods that have: {', '.join(iterative)}"
    )


def load_method(name: str, scale: int, weights: Path | None = None, degradation: str = "exact") -> Method:
    """Return a method ready to run: weights loaded and checked, in eval mode, without gradients.

    Args:
        name: one of `known_methods()`.
        scale: whole factor between the output's and the depth's resolution.
        weights: a safetensors file with its manifest beside it; None takes what came with the package.
        degradation: which of those, see `weights_path`.

    Raises:
        UnknownMethod, UnsupportedScale, MissingWeights: the message names the valid choices.
        MethodError: the weights are damaged, or made for another method, scale or shape, or the method takes none.
    """
    check(name, scale, weights)
    cls, scale = method_class(name), int(scale)
    if not cls.learned:
        return cls(scale).eval()
    path = Path(weights) if weights is not None else weights_path(name, scale, degradation)
    manifest, state = load_weights(path, name, scale)
    if manifest.scale is None and not cls.any_scale:
        raise MethodError(f"weights {path} are for {name} {at_scale(None)}, but its weights must be for one: x{scale}")
    try:
        _check_size(cls, scale, manifest.config, state)
        method = cls(scale, **manifest.config)
        method.load_state_dict(state)
    except MissingWeights:  # of an encoder that the user has to name
        raise
    except Exception as error:  # a manifest may hold any configuration, and a constructor may trip over it anywhere
        raise MethodError(f"weights {path} do not fit {name} x{scale}: {type(error).__name__}: {error}") from error
    return method.eval().requires_grad_(False)


def _check_size(cls: type[Method], scale: int, config: dict, state: dict) -> None:
    """Refuse a configuration far larger than the weights are, before memory is taken for it. Raises ValueError."""
    import torch

    with torch.device("meta"):
        size = sum(tensor.numel() for tensor in cls(scale, **config).state_dict().values())
    held = sum(tensor.numel() for tensor in state.values())
    if size > held + ENCODER_SIZE:
        raise ValueError(f"its configuration makes a network of {size} numbers, and the file holds {held}")


def _whole_scale(scale: int) -> int:
    """Any kind of whole number, numpy's too -> int."""
    if isinstance(scale, bool) or not isinstance(scale, numbers.Integral) or not 2 <= scale <= MAX_SCALE:
        raise UnsupportedScale(f"scale {scale!r} is not a whole number from 2 to {MAX_SCALE}")
    return int(scale)


def _missing(name: str, scale: int) -> str:
    scales = scales_with_weights(name)
    ready = ", ".join(f"x{s}" for s in scales) if scales else "none"
    return (
        f"method {name!r} has no weights for x{scale} (it has: {ready}); "
        f"methods that work at x{scale}: {', '.join(methods_at(scale))}"
    )
