"""Values between the pixels of an image, at any set of positions: the cost follows their number.

Images have their channels last, (B, h, w, C); positions are (B, N, 2) float32, (x, y) in pixels, centres at integers.
"""

import torch
from torch import Tensor

from depth_sr_ros.methods.layers import CUBIC_A

TAPS = 4  # of the cubic kernel, per axis


def pixels_at(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return (B, ..., C), the pixels of (B, h, w, C) in columns `x` and rows `y`, (B, ...) whole numbers inside it."""
    batch, height, width, channels = image.shape
    first = torch.arange(batch, device=image.device).view(-1, *[1] * (x.dim() - 1)) * (height * width)
    place = first + y.long() * width + x.long()
    return image.reshape(-1, channels).index_select(0, place.flatten()).view(*x.shape, channels)


def bilinear_at(image: Tensor, places: Tensor) -> Tensor:
    """Return (B, N, C), bilinear between the four nearest pixels; positions outside take the border's value.

    At a pixel's centre it is that pixel exactly.
    """
    last_x, last_y = image.shape[2] - 1, image.shape[1] - 1
    x, y = places[..., 0].clamp(0, last_x), places[..., 1].clamp(0, last_y)
    left, top = x.floor(), y.floor()
    right, bottom = (left + 1).clamp(max=last_x), (top + 1).clamp(max=last_y)
    fx, fy = ((place - start)[..., None].to(image.dtype) for place, start in ((x, left), (y, top)))
    upper = torch.lerp(pixels_at(image, left, top), pixels_at(image, right, top), fx)
    lower = torch.lerp(pixels_at(image, left, bottom), pixels_at(image, right, bottom), fx)
    return torch.lerp(upper, lower, fy)


def bicubic_at(image: Tensor, places: Tensor) -> Tensor:
    """Return (B, N, C), bicubic as PIL enlarges: Keys' kernel, what lies outside the image does not count.

    At the pixel centres of an enlarged image it is `layers.upsample_bicubic`.
    """
    height, width = image.shape[1:3]
    # Beyond the image, as far as its edge: half a pixel from the outermost centres.
    places = places.clamp(min=-0.5).minimum(places.new_tensor([width - 0.5, height - 0.5]))
    taps = places.floor()[..., None] + torch.arange(-1, TAPS - 1, device=places.device)  # (B, N, 2, 4)
    weights = _cubic(places[..., None] - taps)
    last = places.new_tensor([width - 1, height - 1])[:, None]
    weights = weights * ((taps >= 0) & (taps <= last))
    weights = weights / weights.sum(-1, keepdim=True)
    columns, rows = taps.clamp(min=0).minimum(last).unbind(2)  # (B, N, 4) each
    columns, rows = torch.broadcast_tensors(columns[:, :, None, :], rows[:, :, :, None])  # (B, N, 4 rows, 4 columns)
    values = pixels_at(image, columns, rows).to(weights.dtype)  # (B, N, 4, 4, C)
    of_x, of_y = weights[:, :, 0, None, :, None], weights[:, :, 1, :, None, None]
    return (values * (of_y * of_x)).sum((2, 3)).to(image.dtype)  # no product that autocast would round


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel (Keys 1981, eq. 15), as `layers.resize_matrix` has it."""
    x = x.abs()
    near = ((CUBIC_A + 2) * x - (CUBIC_A + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * CUBIC_A
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
