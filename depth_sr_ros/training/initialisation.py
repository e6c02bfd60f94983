"""What a run begins with: the weights of another run, whole or in parts."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from depth_sr_ros.methods.weights import load_weights, read_manifest
from depth_sr_ros.system.package_files import share_directory
from depth_sr_ros.training.recipe import Recipe, RecipeError

WHOLE = {"": ""}  # every name stays what it is


def read_initialisation(recipe: Recipe, scale: int | None, model: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Read the weights that a recipe begins with.

    Args:
        recipe: with a `initialise_from`; "{scale}" in it is the scale that is trained.
        scale: the one that is trained, None where all are in one run. The file may be for another one.
        model: the state of the model that is to begin with them.

    Returns:
        The tensors that replace the model's, by the model's names, on the CPU; and where they come from, in words.

    Raises:
        RecipeError: there is no such file, something in it does not fit the model, or "{scale}" has no meaning.
        MethodError: the file is damaged, or for another method where the recipe names no parts.
    """
    if scale is None and "{scale}" in recipe.initialise_from:
        raise RecipeError(f"recipe {recipe.name}: initialise_from is {recipe.initialise_from}, but one run trains all scales")
    path = weights_file(recipe, "initialise_from", recipe.initialise_from, scale)
    found = read_manifest(path)
    method = found.method if recipe.initialise_parts else recipe.method
    _, state = load_weights(path, method, found.scale)
    try:
        fitted = fitted_to(model, state, recipe.initialise_parts or WHOLE)
    except RecipeError as error:
        raise RecipeError(f"recipe {recipe.name}: initialise_from {path}: {error}") from None
    words = f"began with {method} weights {path.name} (sha256 {found.sha256[:12]})"
    return fitted, ", ".join([words, *(f"{there} as {here}" for there, here in recipe.initialise_parts.items())])


def weights_file(recipe: Recipe, entry: str, file: str, scale: int | None) -> Path:
    """Return the weights file that an entry of a recipe names, "{scale}" in it replaced.

    Raises:
        RecipeError: neither the current folder nor the package has it.
    """
    path = Path(file.replace("{scale}", str(scale)))
    if not path.is_file():
        path = share_directory() / path
    if not path.is_file():
        raise RecipeError(f"recipe {recipe.name}: {entry}: no weights file {path}")
    return path


def fitted_to(model: Mapping[str, Tensor], state: Mapping[str, Tensor], parts: Mapping[str, str]) -> dict[str, Tensor]:
    """Return the tensors of `state` that lie under the parts' prefixes, by the names that they have in `model`.

    Args:
        model, state: tensors by name.
        parts: prefixes in `model` by prefixes in `state`; "a" is the prefix of "a.b" and not of "ab", "" that of all.

    Raises:
        RecipeError: a prefix has no tensors, or the two sides of a part are not the same in names and shapes; it tells
            of the first tensor that differs.
    """
    fitted: dict[str, Tensor] = {}
    for there, here in parts.items():
        part = {_moved(name, there, here): tensor for name, tensor in state.items() if _is_under(name, there)}
        if not part:
            known = sorted({name.split(".")[0] for name in state})
            raise RecipeError(f"nothing in it is named {there}; there is {', '.join(known)}")
        for name in sorted(part.keys() | {name for name in model if _is_under(name, here)}):
            if name not in model:
                raise RecipeError(f"it has {_moved(name, here, there)}, but the model has no {name}")
            if name not in part:
                raise RecipeError(f"it has no {_moved(name, here, there)} for the model's {name}")
            if part[name].shape != model[name].shape:
                raise RecipeError(
                    f"its {_moved(name, here, there)} is {tuple(part[name].shape)}, "
                    f"the model's {name} is {tuple(model[name].shape)}"
                )
        fitted |= part
    return fitted


def _is_under(name: str, prefix: str) -> bool:
    return not prefix or name == prefix or name.startswith(f"{prefix}.")


def _moved(name: str, old: str, new: str) -> str:
    """Give `name` the prefix `new` in place of `old`."""
    rest = name[len(old) :].removeprefix(".")
    return ".".join(piece for piece in (new, rest) if piece)
