"""Where a training run stands, as safetensors: a run that is killed goes on as if nothing had happened."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

KEPT = ({"step", "exp_avg", "exp_avg_sq"}, {"momentum"})  # what the optimisers keep of a parameter


def save_checkpoint(path: Path, step: int, recipe: str, model: torch.nn.Module, average: dict, optimiser) -> None:
    """Write the state after `step` steps; the old file stays until the new one is whole.

    Raises:
        OSError: it cannot be written.
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in state.items()}
    partial = path.with_suffix(".part")
    try:
        save_file(
            {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()},
            partial,
            metadata={"state": json.dumps({"step": step, "recipe": recipe})},
        )
    except SafetensorError as error:
        partial.unlink(missing_ok=True)  # a full disk has use for its place
        raise OSError(f"cannot write checkpoint {path}: {error}") from None
    partial.replace(path)


def load_checkpoint(path: Path, recipe: str, steps: int, model: torch.nn.Module, average: dict, optimiser) -> int:
    """Put the state back in place and return the number of steps done; 0 where there is no checkpoint.

    Args:
        path: the file.
        recipe: the identity of the recipe that it must belong to.
        steps: how many the whole run has.
        model, average, optimiser: what gets the state, all of it or, where it is refused, none.

    Raises:
        ValueError: the checkpoint belongs to another recipe, or is damaged.
    """
    if not path.is_file():
        return 0
    try:
        state, tensors = _read(path)
        if state["recipe"] != recipe:
            raise ValueError(f"checkpoint {path} belongs to another recipe: remove it, or choose another --output")
        moments = _checked(state["step"], steps, tensors, model, optimiser)
    except _DamagedError as error:
        raise ValueError(f"checkpoint {path} is damaged ({error}): remove it, or choose another --output") from None
    model.load_state_dict({name: tensors[f"model.{name}"] for name in model.state_dict()})
    for name, tensor in average.items():
        tensor.copy_(tensors[f"average.{name}"])
    optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
    return state["step"]


class _DamagedError(Exception):
    """Why a checkpoint is none."""


def _read(path: Path) -> tuple[dict, dict[str, Tensor]]:
    """Return what the file says of the run, which has a recipe and a step, and its tensors by name."""
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads((file.metadata() or {}).get("state", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, a file is no dict
    except (SafetensorError, ValueError, RecursionError) as error:
        raise _DamagedError(str(error)) from None
    if not isinstance(state, dict) or not {"recipe", "step"} <= state.keys():
        raise _DamagedError("it does not say which recipe it belongs to and at which step it stands")
    return state, tensors


def _checked(step: int, steps: int, tensors: dict[str, Tensor], model: torch.nn.Module, optimiser) -> dict[int, dict]:
    """Refuse what the run cannot go on with; return the optimiser's state by the numbers of the parameters."""
    if type(step) is not int or not 0 <= step <= steps:
        raise _DamagedError(f"step is {step!r}, it must be a whole number from 0 to {steps}")
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for name in tensors:
        if name.startswith("optimiser."):
            _, index, key = [*name.split(".", 2), ""][:3]
            if not index.isdecimal() or int(index) >= len(parameters):
                raise _DamagedError(f"{name} is of none of the {len(parameters)} parameters")
            moments.setdefault(int(index), {})[key] = tensors[name]
    if step and not moments:
        raise _DamagedError("it has no state of the optimiser")
    state = model.state_dict()
    expected = {f"{of}.{name}": state[name].shape for of in ("model", "average") for name in state}
    for number, kept in moments.items():
        if kept.keys() not in KEPT:
            raise _DamagedError(f"of parameter {number} it has {', '.join(sorted(kept))}")
        shapes = {key: torch.Size() if key == "step" else parameters[number].shape for key in kept}
        expected |= {f"optimiser.{number}.{key}": shape for key, shape in shapes.items()}
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected:
            raise _DamagedError(f"it {'lacks' if name in expected else 'has a strange'} {name}")
        if tensors[name].shape != expected[name]:
            raise _DamagedError(f"{name} is {tuple(tensors[name].shape)}, it must be {tuple(expected[name])}")
        if not tensors[name].isfinite().all():
            raise _DamagedError(f"{name} is not finite")
    return moments
