"""What a training run computes in: bfloat16 only where it is the faster one."""

from collections.abc import Collection

PRECISIONS = ("float32", "bfloat16")
FAST_FLAG = "amx_bf16"  # as Linux names a CPU's matrix unit


def computed_in(precision: str, device: str, flags: Collection[str]) -> str:
    """Return what a recipe's `precision` comes to on this machine, one of PRECISIONS.

    On one core of a CPU with AMX, a training step of dada takes half of its time in float32. Without, values are converted
    back and forth: with AVX512-BF16 a step took 1.35 times as long, with AVX2 alone ten times. There it is float32.

    Args:
        precision: the recipe's.
        device: "cpu" or "cuda".
        flags: the CPU's, see `machine.cpu_flags`.
    """
    slow = precision == "bfloat16" and device == "cpu" and FAST_FLAG not in flags
    return "float32" if slow else precision
