"""Weights in 8 bits: a file of half the size that float16 takes, and of the same accuracy (docs/accuracy.md)."""

from collections.abc import Mapping

import torch
from torch import Tensor

from depth_sr_ros.methods.errors import MethodError

SCALE = ".int8_scale"  # what the name of a quantised tensor's scales ends in
LEAST = 4096  # numbers in a tensor that is quantised; smaller ones are few bytes, and biases and gains need their digits
LARGEST = 127


def quantise(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Store matrices and kernels as int8, each output channel in steps of 1/127 of its largest weight, the rest as float16.

    Args:
        state: tensors of any kind by name; those that are no floating point numbers stay as they are.

    Returns:
        The same names; for each quantised tensor also NAME.int8_scale, (channels,) float32.
    """
    quantised = {}
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            quantised[name] = tensor
        elif tensor.ndim < 2 or tensor.numel() < LEAST:
            quantised[name] = tensor.half()
        else:
            exact = tensor.float()
            steps = exact.flatten(1).abs().amax(1) / LARGEST
            rounded = (exact / _beside(steps, exact).clamp(min=torch.finfo(torch.float32).tiny)).round()
            quantised |= {name: rounded.to(torch.int8), name + SCALE: steps}
    return quantised


def dequantise(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what `quantise` was given, its floating point numbers as float32.

    Raises:
        MethodError: scales without a tensor, or not one for each of its channels.
    """
    state = {}
    for name, tensor in stored.items():
        if name.endswith(SCALE):
            if name.removesuffix(SCALE) not in stored:
                raise MethodError(f"tensor {name} has scales for none: {name.removesuffix(SCALE)} is missing")
            continue
        steps = stored.get(name + SCALE)
        if steps is None:
            state[name] = tensor.float() if tensor.is_floating_point() else tensor
        elif tensor.dtype != torch.int8 or tensor.ndim < 2 or steps.shape != tensor.shape[:1]:
            raise MethodError(
                f"tensor {name} is {tensor.dtype} {tuple(tensor.shape)} with scales {tuple(steps.shape)}: it must be int8 "
                "with a scale for each of its first dimension"
            )
        else:
            state[name] = tensor.float() * _beside(steps.float(), tensor)
    return state


def _beside(steps: Tensor, tensor: Tensor) -> Tensor:
    return steps.view(-1, *(1,) * (tensor.ndim - 1))
