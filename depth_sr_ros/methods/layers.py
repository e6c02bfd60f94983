"""Building blocks that several methods share."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

CUBIC_A = -0.5  # Keys' cubic as PIL has it; torch's and OpenCV's plain bicubic use -0.75


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel (Keys 1981, eq. 15) at distances `x` in samples."""
    x = np.abs(x)
    near = ((CUBIC_A + 2) * x - (CUBIC_A + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * CUBIC_A
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


@lru_cache(maxsize=256)
def resize_matrix(n_in: int, n_out: int) -> np.ndarray:
    """Bicubic resizing of a line as a matrix, antialiased when it shrinks: what PIL's BICUBIC does.

    Resizing an image is `resize_matrix(h, H) @ image @ resize_matrix(w, W).T`; the literature's low-resolution
    inputs and bicubic baselines are made so. Pixel centres are at integers, the line spans [-0.5, n - 0.5].

    Returns:
        (n_out, n_in) float32, rows sum to 1, read-only.
    """
    ratio = n_in / n_out
    support = max(ratio, 1.0)  # the kernel widens when it shrinks the image
    centres = (np.arange(n_out) + 0.5) * ratio
    # PIL truncates the kernel's support to whole input samples; normalising afterwards handles the borders.
    weights = _cubic((np.arange(n_in)[None, :] + 0.5 - centres[:, None]) / support)
    first = np.maximum((centres - 2 * support + 0.5).astype(int), 0)
    last = np.minimum((centres + 2 * support + 0.5).astype(int), n_in)
    inside = (np.arange(n_in)[None, :] >= first[:, None]) & (np.arange(n_in)[None, :] < last[:, None])
    weights = np.where(inside, weights, 0.0)
    matrix = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    matrix.setflags(write=False)
    return matrix


def constant(like: Tensor, make: Callable[..., np.ndarray], *sizes: int) -> Tensor:
    """Return the matrix `make(*sizes)` as a tensor of the device and dtype of `like`.

    On a GPU it is kept: a copy to there waits until all that was asked of the GPU before is done.

    Args:
        like: gives device and dtype.
        make: a function of the module, not one made for the call: the tensor is kept by it and its arguments.
        sizes: its arguments.
    """
    if not like.is_cuda:
        return torch.tensor(make(*sizes)).to(like)
    return _on_gpu(make, sizes, like.device, like.dtype)


@lru_cache(maxsize=64)
def _on_gpu(make: Callable[..., np.ndarray], sizes: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # a tensor of inference mode could not take part in training later
        return torch.tensor(make(*sizes)).to(device, dtype)


def resize_bicubic(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, h, w) to (B, C, *size) as PIL's BICUBIC does, by two matrix products, under autocast too."""
    if torch.is_autocast_enabled(image.device.type):  # half precision is for features; an image needs its digits
        with torch.autocast(image.device.type, enabled=False):
            return resize_bicubic(image, size)
    rows, columns = (constant(image, resize_matrix, n_in, n_out) for n_in, n_out in zip(image.shape[-2:], size))
    return rows @ image @ columns.T


def upsample_bicubic(depth: Tensor, scale: int) -> Tensor:
    """Upsample (B, C, h, w) to (B, C, scale*h, scale*w) as PIL's BICUBIC does."""
    return resize_bicubic(depth, (depth.shape[-2] * scale, depth.shape[-1] * scale))


def mean_free(depth: Tensor) -> Tensor:
    """Take the mean of each image off (B, 1, H, W): features must not depend on how far away all of it is."""
    return depth - depth.mean((2, 3), keepdim=True)


def pixel_unshuffle(image: Tensor, ratio: int) -> Tensor:
    """Fold (B, C, r*h, r*w) to (B, C * r^2, h, w), as PyTorch's function of this name does.

    OpenVINO's converter leaves sizes open where it meets PyTorch's own, and its plugin then copies features that it need not.
    """
    batch, channels, height, width = image.shape
    folded = image.reshape(batch, channels, height // ratio, ratio, width // ratio, ratio)
    return folded.permute(0, 1, 3, 5, 2, 4).reshape(batch, channels * ratio**2, height // ratio, width // ratio)


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of (B, C, H, W) until both sides are multiples of `multiple`."""
    height, width = image.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if bottom == right == 0:
        return image
    return F.pad(image, (0, right, 0, bottom), mode="replicate")
