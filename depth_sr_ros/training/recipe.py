"""A recipe: everything that decides what weights come out, in one YAML file."""
import json
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ..resources import share_directory
from .degrade import Degradation
from .optimiser import OPTIMISERS
from .precision import PRECISIONS


class RecipeError(ValueError):
    """A recipe cannot be used; the message says which entry and what it may be."""


@dataclass(frozen=True)
class Recipe:
    """How one method is trained.

    Attributes:
        name: the file's name without its ending.
        method, scales: what is trained; one run trains one of the scales, or all in turn where weights serve any scale.
        config: keyword arguments of the method's constructor.
        steps, batch, crop: length of the run, samples a step, their side in pixels.
        learning_rate: the highest; it rises over `warmup` steps and falls by a cosine to `final_rate` of it.
        optimiser: "adamw" or "muon", see `optimiser`; weight_decay: the optimiser's.
        gradient_clip: largest norm of the gradient.
        rmse_share, gradient_share: see `losses.training_loss`. The latter must be 0 for a method that learns from
            single pixels of an image.
        average: decay of the running mean of the weights, which is what is validated and exported.
        scenes, seed: size and seed of the pool of scenes.
        degradation: how samples differ from rendered ones.
        precision: "float32" or "bfloat16" (autocast), the latter only where it is computed natively: see `precision`.
        start_from: a weights file to begin with, for another scale of the same method say; empty: from scratch. A relative
            path is looked up in the current folder, then among what came with the package.
            "{scale}" in it is the scale that is trained.
        start_parts: begin with these pieces of `start_from` only, which may then be another method's: prefixes of names
            in the model by prefixes of names in the file. Empty: with all of it.
        blend: share of what was trained in the result, the rest is what the run began with: the mean of the weights often
            does better than either end (Wortsman et al., Robust fine-tuning of zero-shot models, eq. 1). What is in none
            of the `start_parts` began with chance values, or with zeros.
        teachers: weights files, of any methods, whose estimates stand for a share of the truth: see `teacher`. Looked up as
            `start_from` is; "{scale}" is the scale of the batch.
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
    average: float = 0.998
    scenes: int = 3000
    seed: int = 1
    degradation: Degradation = Degradation()
    precision: str = "float32"
    start_from: str = ""
    start_parts: dict[str, str] = field(default_factory=dict)
    blend: float = 1.0
    teachers: tuple[str, ...] = ()
    teacher_share: float = 0.0
    at_scale: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for entry, choices in {"precision": PRECISIONS, "optimiser": OPTIMISERS}.items():
            value = getattr(self, entry)
            if value not in choices:
                raise RecipeError(f"recipe {self.name}: {entry} is {value!r}, it must be one of {', '.join(choices)}")
        if not _maps_names(self.start_parts):
            raise RecipeError(
                f"recipe {self.name}: start_parts is {self.start_parts!r}, "
                "it must map names in the file to names in the model"
            )
        if self.start_parts and not self.start_from:
            raise RecipeError(f"recipe {self.name}: start_parts needs start_from, the file that the parts come from")
        if not 0 <= self.blend <= 1:
            raise RecipeError(f"recipe {self.name}: blend is {self.blend}, it must be from 0 to 1")
        if self.blend != 1 and not self.start_from:
            raise RecipeError(f"recipe {self.name}: blend is {self.blend}, without start_from it must be 1")
        if not isinstance(self.teachers, tuple) or not all(isinstance(file, str) for file in self.teachers):
            raise RecipeError(f"recipe {self.name}: teachers is {self.teachers!r}, it must be a list of weights files")
        if self.teachers and not 0 < self.teacher_share <= 1:
            raise RecipeError(
                f"recipe {self.name}: teacher_share is {self.teacher_share}, with teachers it must be above 0 and at most 1"
            )
        if self.teacher_share and not self.teachers:
            raise RecipeError(f"recipe {self.name}: teacher_share is {self.teacher_share}, but there are no teachers")

    def at(self, scale: int | None) -> "Recipe":
        """Return the recipe of one scale, or as it is of all scales in one run (None).

        What stands under `at_scale` there replaces what stands above; of `config`, keyword by keyword.
        """
        entries = dict(self.at_scale.get(scale, {}))
        if "config" in entries:
            entries["config"] = self.config | entries["config"]
        return replace(self, at_scale={}, **entries)


def recipes_directory() -> Path:
    """Return the folder of the recipes that come with the package."""
    return share_directory() / "config" / "recipes"


def load_recipe(name: str) -> Recipe:
    """Read a recipe by file path, or by name from those that come with the package.

    Raises:
        RecipeError: no such recipe, unknown entry, or a value of the wrong kind.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = recipes_directory() / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in recipes_directory().glob("*.yaml")))
        raise RecipeError(f"no recipe {name!r}: give a .yaml file, or one of {known}")
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
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
    if "degradation" in values:
        values["degradation"] = Degradation(**_checked(values["degradation"], Degradation, path))
    if "at_scale" in values:
        values["at_scale"] = _by_scale(values["at_scale"], values.get("scales", Recipe.scales), path)
    return values


def _by_scale(entries: Any, scales: tuple[int, ...], path: Path) -> dict[int, dict[str, Any]]:
    """Check what stands under `at_scale`: entries by scale, of those that may differ between scales."""
    if not isinstance(entries, dict) or not all(isinstance(of_one, dict) for of_one in entries.values()):
        raise RecipeError(f"recipe {path}: at_scale is {entries!r}, it must map scales to entries")
    for scale, of_one in entries.items():
        if scale not in scales:
            raise RecipeError(f"recipe {path}: at_scale has {scale!r}, which is none of the scales {scales}")
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


def _maps_names(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) for pair in value.items() for name in pair)


def _checked(entries: dict, kind: type, path: Path) -> dict:
    """Refuse unknown entries, and numbers that are not numbers."""
    types = {one.name: one.type for one in fields(kind) if one.name != "name"}
    for key, value in entries.items():
        if key not in types:
            raise RecipeError(f"recipe {path}: unknown entry {key!r}; known are {', '.join(sorted(types))}")
        wanted = {int: (int,), float: (int, float), str: (str,)}.get(types[key])
        if wanted and (not isinstance(value, wanted) or isinstance(value, bool)):
            raise RecipeError(f"recipe {path}: {key} is {value!r}, it must be of type {types[key].__name__}")
    return dict(entries)
