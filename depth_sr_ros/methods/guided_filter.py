"""The guided filter as joint upsampler (He, Sun, Tang: Guided Image Filtering, TPAMI 2013, with a colour guide)."""

import torch
from torch import Tensor

from depth_sr_ros.methods.base import Method
from depth_sr_ros.methods.layers import upsample_bicubic

EPSILON = 1e-4  # regularisation, squared guide units: what varies by less than 1 % is smoothed
LEVELS = 255.0  # see GuidedFilter
RADIUS_PER_SCALE = 0.5  # window radius in LR pixels; both are the best tried on the development pairs


class GuidedFilter(Method):
    """Filters the bicubic depth: a local linear model of the guide in every window, eqs. 14 to 16.

    OpenCV's `ximgproc.guidedFilter` does the work where it is (opencv-contrib); elsewhere box means in torch do, by
    the same equations and some times slower. OpenCV errs, by up to a tenth of the depth's range, where an even guide in
    [0, 1] makes covariances of a tiny determinant. So it gets the same problem in grey levels: the guide times 255,
    epsilon times 255 squared.
    """

    name = "guided_filter"
    summary = "local linear model of the guide: baseline without learning"
    paper = "He, Sun, Tang, Guided Image Filtering"
    learned = False

    def forward(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Upsample `depth`; see `Method.forward` for shapes."""
        target = upsample_bicubic(depth, self.scale)
        radius = max(1, round(RADIUS_PER_SCALE * self.scale))
        native = _opencv_guided_filter()
        if native is None or target.device.type != "cpu" or target.requires_grad or guide.requires_grad:
            exact = torch.promote_types(depth.dtype, torch.float32)  # linear systems are not solved in half precision
            return guided_filter(guide.to(exact), target.to(exact), radius, EPSILON).to(depth.dtype)
        epsilon = EPSILON * LEVELS**2
        filtered = [
            native(one.permute(1, 2, 0).numpy(force=True).copy(), image[0].numpy(force=True), radius, epsilon)
            for one, image in zip(guide.float() * LEVELS, target.float())
        ]
        return torch.stack([torch.from_numpy(image)[None] for image in filtered]).to(depth.dtype)


def guided_filter(guide: Tensor, image: Tensor, radius: int, epsilon: float) -> Tensor:
    """Filter `image` (B, 1, H, W) by a colour `guide` (B, 3, H, W) in windows of 2 * radius + 1 pixels per axis.

    In every window a, b = argmin sum (a.I + b - p)^2 + epsilon |a|^2 (eq. 14); the output is mean(a).I + mean(b).
    """
    guide_mean, image_mean = _box_mean(guide, radius), _box_mean(image, radius)
    covariance = _box_mean(guide * image, radius) - guide_mean * image_mean  # (B, 3, H, W)
    products = guide[:, :, None] * guide[:, None, :]  # (B, 3, 3, H, W)
    sigma = _box_mean(products.flatten(1, 2), radius).view_as(products)
    sigma = sigma - guide_mean[:, :, None] * guide_mean[:, None, :]
    sigma = sigma.permute(0, 3, 4, 1, 2) + epsilon * torch.eye(3, dtype=guide.dtype, device=guide.device)
    a = torch.linalg.solve(sigma, covariance.permute(0, 2, 3, 1)[..., None])[..., 0].permute(0, 3, 1, 2)
    b = image_mean - (a * guide_mean).sum(1, keepdim=True)
    return (_box_mean(a, radius) * guide).sum(1, keepdim=True) + _box_mean(b, radius)


def _box_mean(image: Tensor, radius: int) -> Tensor:
    """Mean over a square window; the border is mirrored, the last pixel included, as OpenCV's filter does."""
    rows, columns = (_mirrored(size, radius).to(image.device) for size in image.shape[-2:])
    padded = image[..., rows[:, None], columns]
    return torch.nn.functional.avg_pool2d(padded, 2 * radius + 1, stride=1)


def _mirrored(size: int, radius: int) -> Tensor:
    """Indices of a line and of `radius` pixels beyond either end: ... 1 0 | 0 1 ... n-1 | n-1 n-2 ..."""
    places = torch.arange(-radius, size + radius) % (2 * size)
    return torch.minimum(places, 2 * size - 1 - places)


def _opencv_guided_filter():
    """Return OpenCV's filter, or None where OpenCV was built without its contributed modules."""
    import cv2

    return getattr(getattr(cv2, "ximgproc", None), "guidedFilter", None)
