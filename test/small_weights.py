"""Weights files of small networks with chance values, for tests of what is done with weights."""

from pathlib import Path

CONFIGS = {
    "jiif": {"depth_width": 6, "depth_blocks": 1, "guide_width": 5, "guide_blocks": 1, "hidden": [8]},
    "dada": {"features": 3, "iterations": 40, "gradient_iterations": 5, "encoder_config": {"widths": [4, 6]}},
}


def save_small(path: Path, method: str, scale: int | None) -> Path:
    """Write weights of a method for a scale, None for any; return the path."""
    import torch

    from depth_sr_ros.methods.registry import method_class
    from depth_sr_ros.methods.weights import Manifest, save_weights

    torch.manual_seed(0)
    model = method_class(method)(8, **CONFIGS[method])
    save_weights(path, model.state_dict(), Manifest(method, scale, "", CONFIGS[method]))
    return path
