"""Every method in small, for tests: the one place to enter a new method's configuration."""

from pathlib import Path

CONTEXT = (8, 12, 16)
STREAMS = {"streams": True, "context": CONTEXT, "context_blocks": 1}

# By method, then by what is special about a configuration; "" is the one that stands for the method elsewhere.
SMALL: dict[str, dict[str, dict]] = {
    "ahmf": {
        "": {"channels": 5, "levels": 3},
        "compact": {"channels": 5, "levels": 2, "compact": True},
        "guide's stream": {"channels": 8, "compact": True, "streams": "guide"},
        "both streams": {"channels": 8, "compact": True, "streams": "both", "context": CONTEXT, "context_blocks": 1},
    },
    "bicubic": {"": {}},
    "dada": {
        "": {"features": 3, "iterations": 40, "gradient_iterations": 5, "encoder_config": {"widths": [4, 6]}},
        "bicubic adjustment": {
            "features": 3, "iterations": 20, "gradient_iterations": 5, "adjustment": "bicubic",
            "encoder_config": {"widths": [4, 6]},
        },
        "streams": {
            "encoder": "streams", "encoder_config": {"context": CONTEXT, "blocks": 1},
            "iterations": 12, "gradient_iterations": 4,
        },
    },
    "dada_free": {"": {"iterations": 20}, "bicubic adjustment": {"iterations": 20, "adjustment": "bicubic"}},
    "dkn": {"": {"widths": [6, 8, 8]}, "on fdkn": {"widths": [6, 8, 8], "on_fdkn": True}},
    "fdkn": {"": {"widths": [4, 5, 6]}},
    "guided_filter": {"": {}},
    "jiif": {
        "": {"depth_width": 6, "depth_blocks": 1, "guide_width": 5, "guide_blocks": 1, "hidden": [8]},
        "folded guide": {
            "depth_width": 6, "depth_blocks": 1, "guide_width": 5, "guide_blocks": 1, "hidden": [12, 8],
            "guide_stride": 4, "guide_features": 8,
        },
        "streams": {"depth_width": 8, "depth_blocks": 1, "guide_features": 4, "hidden": [8, 8], **STREAMS},
    },
    "joint_bilateral": {"": {}},
    "naima": {
        # On a CPU with AMX, PyTorch 2.13 gives wrong numbers for bfloat16 convolutions of 8 or 12 channels with a kernel of
        # 8 and stride 4, as narrower networks have them here. At x4, 16 channels and more are right.
        "": {
            "encoder": "own", "width": 16, "depth_groups": 1, "depth_blocks": 1, "rgb_blocks": 1, "upsampler_stages": 2,
            "own_channels": 8, "own_blocks": 1,
        },
        "folded": {
            "encoder": "own", "width": 16, "depth_groups": 1, "depth_blocks": 1, "rgb_blocks": 1, "upsampler_stages": 1,
            "own_channels": 8, "own_blocks": 1, "fold": 4, "fusion_width": 6, "rgb_to_upsampler": True,
        },
        "streams": {
            "encoder": "own", "width": 16, "depth_groups": 1, "depth_blocks": 1, "rgb_blocks": 1, "upsampler_stages": 1,
            "own_channels": 8, "own_blocks": 1, "rgb_to_upsampler": True, "streams_to_upsampler": True, "finish_width": 12,
            **STREAMS,
        },
    },
}  # fmt: skip


def small_config(method: str) -> dict:
    """The configuration that stands for a method."""
    return SMALL[method][""]


def save_small(path: Path, method: str, scale: int | None) -> Path:
    """Write weights of a small network with chance values, for a scale, None for any; return the path."""
    import torch

    from depth_sr_ros.methods.registry import method_class
    from depth_sr_ros.methods.weights import Manifest, save_weights

    torch.manual_seed(0)
    model = method_class(method)(scale or 8, **small_config(method))
    save_weights(path, model.state_dict(), Manifest(method, scale, "", small_config(method)))
    return path


def save_fdkn(path: Path, method: str = "fdkn", scale: int | None = 8, config: dict | None = None) -> Path:
    """Write weights of a small FDKN, with a manifest that may say something else; return the path."""
    from depth_sr_ros.methods.weights import Manifest, save_weights

    manifest = Manifest(method, scale, "", small_config("fdkn") if config is None else config)
    save_weights(path, small_method("fdkn", scale=scale or 8).state_dict(), manifest)
    return path


def small_method(name: str, variant: str = "", scale: int = 4, seed: int = 1):
    """A small network in which every part has a say, always the same; in eval mode."""
    import torch
    from references import randomised

    from depth_sr_ros.methods.registry import method_class

    method = method_class(name)(scale, **SMALL[name][variant])
    return randomised(method, torch, torch.Generator().manual_seed(seed))


def smooth_pair(scale: int, height: int, width: int, batch: int = 1):
    """A smooth guide (B, 3, s*h, s*w) with a depth (B, 1, h, w) that follows it."""
    import torch

    from depth_sr_ros.methods.layers import resize_bicubic

    generator = torch.Generator().manual_seed(2)
    coarse = torch.rand(batch, 3, 5, 6, generator=generator)
    guide = resize_bicubic(coarse, (scale * height, scale * width)).clamp(0, 1)
    return guide, resize_bicubic(guide[:, :1], (height, width))
