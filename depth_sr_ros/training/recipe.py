"""A recipe: everything that decides what weights come out, in one YAML file."""

import json
import math
import sys
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from depth_sr_ros.files.yaml_text import load_yaml
from depth_sr_ros.methods.registry import MAX_SCALE, known_methods, method_class
from depth_sr_ros.methods.weights import DEGRADATIONS
from depth_sr_ros.system.package_files import known_recipes, recipes_directory
from depth_sr_ros.training.degradations import LENGTHS, REDUCTIONS, Degradation
from depth_sr_ros.training.optimiser import OPTIMISERS
from depth_sr_ros.training.precision import PRECISIONS
from depth_sr_ros.training.scene_pool import SCENES, SIDE


class RecipeError(ValueError):
    """A recipe cannot be used; the message says which entry and what it may be."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, or, with `above`, without `low` itself; never one that is not finite."""

    low: float
    high: float = math.inf
    above: bool = False

    def __contains__(self, value: float) -> bool:
        finite = -sys.float_info.max <= value <= sys.float_info.max  # also of whole numbers that no float can hold
        return finite and self.low <= value <= self.high and not (self.above and value == self.low)

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'above' if self.above else 'at least'} {self.low} and finite"
        return f"above {self.low} and at most {self.high}" if self.above else f"from {self.low} to {self.high}"


SHARE = Range(0, 1)
COUNT = Range(1, 10**9)
RANGES = {
    "steps": COUNT,
    "batch": COUNT,
    "crop": Range(2, SIDE),
    "learning_rate": Range(0, above=True),
    "warmup": Range(0, 10**9),
    "final_rate": SHARE,
    "gradient_clip": Range(0, above=True),
    "weight_decay": Range(0),
    "rmse_share": SHARE,
    "gradient_share": Range(0),
    "tolerant_share": SHARE,
    "average": SHARE,
    "scenes": Range(1, SCENES),
    "seed": Range(0, 2**32 - 1),
    "blend": SHARE,
    "teacher_share": SHARE,
}
DEGRADATION_RANGES = {one.name: Range(0, 100) if one.name in LENGTHS else SHARE for one in fields(Degradation)}


@dataclass(frozen=True)
class Recipe:
    """How one method is trained.

    Attributes:
        name: the file's name without its ending.
        method, scales: what is trained; one run trains one of the scales, or all in turn where weights serve any scale.
            Such a method's scales may come more than once, [4, 8, 16, 8], for more steps at one of them.
        config: keyword arguments of the method's constructor.
        steps, batch, crop: length of the run, samples a step, their side in pixels.
        learning_rate: the highest; it rises over `warmup` steps and falls by a cosine to `final_rate` of it.
        optimiser: "adamw" or "muon", see `optimiser`; weight_decay: the optimiser's.
        gradient_clip: largest norm of the gradient.
        rmse_share, gradient_share, tolerant_share: see `losses.training_loss`. The latter two must be 0 for a method that
            learns from single pixels of an image.
        average: decay of the running mean of the weights, which is what is validated and exported.
        scenes, seed: size and seed of the pool of scenes.
        degradation: how samples differ from rendered ones.
        weights_for: what LR depth the weights are for, "sensor" or "exact": the manifest says so.
        precision: "float32" or "bfloat16" (autocast), the latter only where it is the faster one: see `precision`.
        initialise_from: a weights file to begin with, for another scale of the same method say; empty: from scratch. A relative
            path is looked up in the current folder, then among what came with the package.
            "{scale}" in it is the scale that is trained.
        initialise_parts: begin with these pieces of `initialise_from` only, which may then be another method's: prefixes of
            names in the model by prefixes of names in the file. Empty: with all of it.
        blend: share of what was trained in the result, the rest is what the run began with: the mean of the weights often
            does better than either end (Wortsman et al., Robust fine-tuning of zero-shot models, eq. 1). What is in none
            of the `initialise_parts` began with chance values, or with zeros.
        teachers: weights files, of any methods, whose estimates stand for a share of the ground truth: see `teacher`. Looked up
            as `initialise_from` is; "{scale}" is the scale of the batch.
        teacher_share: that share, above 0 and at most 1; 0 without teachers.
        at_scale: entries that are others at one of the scales: see `at`.
    """

    name: str
    method: str
    scales: tuple[int, ...] = (8,)
    config: dict[str, Any] = field(default_factory=dict)
    steps: int = 20_000
    batch: int = 4
    crop: int = 256
    learning_rate: float = 1e-3
    warmup: int = 200
    final_rate: float = 0.01
    optimiser: str = "adamw"
    gradient_clip: float = 1.0
    weight_decay: float = 0.0
    rmse_share: float = 0.3
    gradient_share: float = 0.0
    tolerant_share: float = 0.0
    average: float = 0.998
    scenes: int = 3000
    seed: int = 1
    degradation: Degradation = Degradation()
    weights_for: str = "exact"
    precision: str = "float32"
    initialise_from: str = ""
    initialise_parts: dict[str, str] = field(default_factory=dict)
    blend: float = 1.0
    teachers: tuple[str, ...] = ()
    teacher_share: float = 0.0
    at_scale: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            RecipeError: an entry is not what it may be, or does not go with another.
            UnknownMethod: the message lists the known ones.
        """
        _check_method(self)
        _check_scales(self)
        _check_ranges(self, self, RANGES)
        _check_ranges(self, self.degradation, DEGRADATION_RANGES, "degradation.")
        _check_reductions(self)
        for entry, choices in {"precision": PRECISIONS, "optimiser": OPTIMISERS, "weights_for": DEGRADATIONS}.items():
            value = getattr(self, entry)
            if value not in choices:
                raise self.error(entry, f"it must be one of {', '.join(choices)}")
        _check_start(self)
        _check_teachers(self)

    def error(self, entry: str, may_be: str) -> RecipeError:
        """Return the error that an entry is not what it may be, to be raised."""
        return RecipeError(f"recipe {self.name}: {entry} is {getattr(self, entry)!r}, {may_be}")

    def at(self, scale: int | None) -> "Recipe":
        """Return the recipe of one scale, or as it is of all scales in one run (None).

        What stands under `at_scale` there replaces what stands above; of `config`, keyword by keyword.
        """
        entries = {} if scale is None else dict(self.at_scale.get(scale, {}))
        if "config" in entries:
            entries["config"] = self.config | entries["config"]
        return replace(self, at_scale={}, **entries)


def _check_reductions(recipe: Recipe) -> None:
    together = round(sum(getattr(recipe.degradation, entry) for entry in REDUCTIONS), 6)
    if together > 1:
        raise RecipeError(f"recipe {recipe.name}: {', '.join(REDUCTIONS)} are {together} together, they must be at most 1")


def _check_method(recipe: Recipe) -> None:
    if not method_class(recipe.method).learned:
        learned = ", ".join(name for name in known_methods() if method_class(name).learned)
        raise recipe.error("method", f"which has nothing to train; methods that learn: {learned}")


def _check_scales(recipe: Recipe) -> None:
    scales = recipe.scales
    whole = isinstance(scales, tuple) and all(type(one) is int and 2 <= one <= MAX_SCALE for one in scales)
    repeated = whole and len(set(scales)) < len(scales) and not method_class(recipe.method).any_scale
    if not whole or not scales or repeated:
        raise recipe.error("scales", f"it must be a list of different whole numbers from 2 to {MAX_SCALE}")
    for scale in recipe.at_scale:
        if scale not in scales:
            raise RecipeError(f"recipe {recipe.name}: at_scale has {scale!r}, which is none of the scales {scales}")


def _check_ranges(recipe: Recipe, entries: Any, ranges: dict[str, Range], prefix: str = "") -> None:
    for entry, allowed in ranges.items():
        value = getattr(entries, entry)
        if value not in allowed:
            raise RecipeError(f"recipe {recipe.name}: {prefix}{entry} is {value}, it must be {allowed}")


def _check_start(recipe: Recipe) -> None:
    if not _maps_names(recipe.initialise_parts):
        raise recipe.error("initialise_parts", "it must map names in the file to names in the model")
    if recipe.initialise_parts and not recipe.initialise_from:
        raise RecipeError(f"recipe {recipe.name}: initialise_parts needs initialise_from, the file that the parts come from")
    if recipe.blend != 1 and not recipe.initialise_from:
        raise recipe.error("blend", "without initialise_from it must be 1")


def _check_teachers(recipe: Recipe) -> None:
    if not isinstance(recipe.teachers, tuple) or not all(isinstance(file, str) for file in recipe.teachers):
        raise recipe.error("teachers", "it must be a list of weights files")
    if recipe.teachers and not recipe.teacher_share:
        raise recipe.error("teacher_share", "with teachers it must be above 0 and at most 1")
    if recipe.teacher_share and not recipe.teachers:
        raise recipe.error("teacher_share", "but there are no teachers")


def load_recipe(name: str) -> Recipe:
    """Read a recipe by file path, or by name from those that come with the package.

    Raises:
        RecipeError: no such recipe, unknown entry, or a value of the wrong kind or out of its range.
        UnknownMethod: the message lists the known ones.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = recipes_directory() / f"{name}.yaml"
    if not path.is_file():
        raise RecipeError(f"no recipe {name!r}: give a .yaml file, or one of {', '.join(known_recipes())}")
    try:
        entries = load_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RecipeError(f"recipe {path} is not YAML: {error}") from None
    if not isinstance(entries, dict) or "method" not in entries:
        raise RecipeError(f"recipe {path} names no method")
    recipe = Recipe(name=path.stem, **_values(entries, path))
    for scale in recipe.at_scale:
        recipe.at(scale)  # which refuses what cannot be
    return recipe


def _values(entries: dict, path: Path) -> dict[str, Any]:
    """Turn what YAML has into what a recipe has, refusing what it cannot have."""
    values = _checked(entries, Recipe, path)
    for key in {"scales", "teachers"} & values.keys():
        values[key] = tuple(values[key]) if isinstance(values[key], list) else values[key]
    for key in {"config", "degradation"} & values.keys():
        if not isinstance(values[key], dict) or not all(isinstance(name, str) for name in values[key]):
            raise RecipeError(f"recipe {path}: {key} is {values[key]!r}, it must map names to values")
    if "degradation" in values:
        values["degradation"] = Degradation(**_checked(values["degradation"], Degradation, path))
    if "at_scale" in values:
        values["at_scale"] = _by_scale(values["at_scale"], path)
    return values


def _by_scale(entries: Any, path: Path) -> dict[int, dict[str, Any]]:
    """Check what stands under `at_scale`: entries by scale, of those that may differ between scales."""
    if not isinstance(entries, dict) or not all(isinstance(of_one, dict) for of_one in entries.values()):
        raise RecipeError(f"recipe {path}: at_scale is {entries!r}, it must map scales to entries")
    for of_one in entries.values():
        if fixed := {"method", "scales", "at_scale"} & of_one.keys():
            raise RecipeError(f"recipe {path}: {', '.join(sorted(fixed))} cannot differ between scales")
    return {scale: _values(of_one, path) for scale, of_one in entries.items()}


def identity(recipe: Recipe) -> str:
    """Return what decides a run as JSON: the entries that are not at their defaults.

    So a recipe stays the same when a later version of this package knows more entries. A changed default goes
    unnoticed.
    """
    return json.dumps(_entries_set(recipe), sort_keys=True)


def _entries_set(entries: Any) -> dict[str, Any]:
    """Those of a dataclass that are not at their defaults; of nested dataclasses likewise."""
    found = {}
    for one in fields(entries):
        value = getattr(entries, one.name)
        default = one.default if one.default_factory is MISSING else one.default_factory()
        if value != default:
            found[one.name] = _entries_set(value) if is_dataclass(value) else value
    return found


KINDS: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,)}  # what YAML may have for an entry's type


def _maps_names(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) for pair in value.items() for name in pair)


def _checked(entries: dict, kind: type, path: Path) -> dict:
    """Refuse unknown entries, and numbers that are not numbers."""
    types: dict[str, Any] = {one.name: one.type for one in fields(kind) if one.name != "name"}
    for key, value in entries.items():
        if key not in types:
            raise RecipeError(f"recipe {path}: unknown entry {key!r}; known are {', '.join(sorted(types))}")
        wanted = KINDS.get(types[key])
        if wanted and (not isinstance(value, wanted) or isinstance(value, bool)):
            raise RecipeError(f"recipe {path}: {key} is {value!r}, it must be of type {types[key].__name__}")
    return dict(entries)
