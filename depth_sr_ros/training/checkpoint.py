"""Where a training run stands, as safetensors: a run that is killed goes on as if nothing had happened."""
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file


def save_checkpoint(path: Path, step: int, recipe: str, model: torch.nn.Module, average: dict, optimiser) -> None:
    """Write the state after `step` steps; the old file stays until the new one is whole."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": tensor for name, tensor in state.items()}
    partial = path.with_suffix(".part")
    save_file(
        {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()},
        partial,
        metadata={"state": json.dumps({"step": step, "recipe": recipe})},
    )
    partial.replace(path)


def load_checkpoint(path: Path, recipe: str, model: torch.nn.Module, average: dict, optimiser) -> int:
    """Put the state back in place and return the number of steps done; 0 where there is no checkpoint.

    Raises:
        ValueError: the checkpoint belongs to another recipe.
    """
    if not path.is_file():
        return 0
    with safe_open(path, framework="pt") as file:
        state = json.loads(file.metadata()["state"])
        if state["recipe"] != recipe:
            raise ValueError(f"checkpoint {path} belongs to another recipe: remove it, or choose another --output")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, a file is no dict
    model.load_state_dict({name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")})
    for name, tensor in average.items():
        tensor.copy_(tensors[f"average.{name}"])
    moments: dict[int, dict] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".", 2)
            moments.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
    return state["step"]
