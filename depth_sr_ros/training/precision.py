"""What a training run computes in: bfloat16 only where the machine has instructions for it."""
from collections.abc import Collection

PRECISIONS = ("float32", "bfloat16")
BFLOAT16_FLAGS = frozenset(("avx512_bf16", "amx_bf16"))  # as Linux names them


def computed_in(precision: str, device: str, flags: Collection[str]) -> str:
    """Return what a recipe's `precision` comes to on this machine, one of PRECISIONS.

    A CPU without bfloat16 instructions converts every value back and forth: on one with AVX2 alone, a training step
    took 2.4 s in bfloat16 and 0.26 s in float32. There it is float32.

    Args:
        precision: the recipe's.
        device: "cpu" or "cuda".
        flags: the CPU's, see `machine.cpu_flags`.
    """
    emulated = precision == "bfloat16" and device == "cpu" and BFLOAT16_FLAGS.isdisjoint(flags)
    return "float32" if emulated else precision
