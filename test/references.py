"""Slow, plain references of what methods compute, in numpy, for their tests."""

import numpy as np


def convolution(image, weight, bias=None, padding=0, stride=1):
    """(C, H, W) with (D, C, k, k) -> (D, H', W'), zeros around."""
    image = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    kernel = weight.shape[-1]
    rows, columns = ((size - kernel) // stride + 1 for size in image.shape[1:])
    out = np.zeros((len(weight), rows, columns))
    for dy in range(kernel):
        for dx in range(kernel):
            part = image[:, dy : dy + stride * rows : stride, dx : dx + stride * columns : stride]
            out += np.tensordot(weight[:, :, dy, dx], part[:, :rows, :columns], 1)
    return out if bias is None else out + bias[:, None, None]


def transposed_convolution(image, weight, bias, padding=0, stride=1):
    """(C, H, W) with (C, D, k, k) -> (D, H', W'): every pixel puts down the kernel, `padding` is cut off around."""
    (_, height, width), kernel = image.shape, weight.shape[-1]
    out = np.zeros((weight.shape[1], (height - 1) * stride + kernel, (width - 1) * stride + kernel))
    for y in range(height):
        for x in range(width):
            put = np.tensordot(image[:, y, x], weight, 1)
            out[:, stride * y : stride * y + kernel, stride * x : stride * x + kernel] += put
    rows, columns = (size - 2 * padding for size in out.shape[1:])
    return out[:, padding : padding + rows, padding : padding + columns] + bias[:, None, None]


def stretched(image, height, width):
    """Enlarge (C, h, w) bilinearly: the outer edges of both grids meet, beyond the outermost centres it is constant."""

    def weights(size, low_size):
        places = np.clip((np.arange(size) + 0.5) * low_size / size - 0.5, 0, low_size - 1)
        return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(low_size)))

    return weights(height, image.shape[1]) @ image @ weights(width, image.shape[2]).T


def batch_norm(image, state, name):
    """Normalise (C, H, W) by the statistics of layer `name` of a state dict."""
    scale = state[f"{name}.weight"] / np.sqrt(state[f"{name}.running_var"] + 1e-5)
    shift = state[f"{name}.bias"] - state[f"{name}.running_mean"] * scale
    return image * scale[:, None, None] + shift[:, None, None]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def unshuffled(image, ratio):
    """(C, H, W) -> (C * ratio^2, H / ratio, W / ratio), channel = (c * ratio + dy) * ratio + dx."""
    return np.stack([one[dy::ratio, dx::ratio] for one in image for dy in range(ratio) for dx in range(ratio)])


def shuffled(features, ratio):
    """The inverse of `unshuffled`."""
    channels, height, width = features.shape
    out = np.zeros((channels // ratio**2, height * ratio, width * ratio))
    for channel, one in enumerate(features):
        rest, dx = divmod(channel, ratio)
        of, dy = divmod(rest, ratio)
        out[of, dy::ratio, dx::ratio] = one
    return out


def deformable_average(image, kernels, offsets):
    """DKN's eqs. 3 to 6 pixel by pixel: image (H, W), kernels (9, H, W), offsets (2, 9, H, W) rows first."""
    height, width = image.shape
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            residual = 0.0
            for q in range(9):
                dy = np.clip(q // 3 - 1 + offsets[0, q, y, x], -7, 7)
                dx = np.clip(q % 3 - 1 + offsets[1, q, y, x], -7, 7)
                sy, sx = np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)
                for ty in range(height):
                    if abs(sy - ty) < 1:
                        for tx in range(width):
                            g = max(0, 1 - abs(sy - ty)) * max(0, 1 - abs(sx - tx))  # eq. 6
                            residual += kernels[q, y, x] * g * image[ty, tx]
            out[y, x] = image[y, x] + residual
    return out


def randomised(method, torch, generator):
    """Give a small network weights and statistics that make every part of it matter; returns it in eval mode."""
    with torch.no_grad():
        for parameter in method.parameters():
            fan = max(1, parameter[0].numel()) if parameter.dim() > 1 else 4
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * (2 / fan) ** 0.5)
        for name, buffer in method.named_buffers():
            if name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
            elif name.endswith("running_mean"):
                buffer.copy_(0.2 * torch.randn(buffer.shape, generator=generator))
    return method.eval()


def state_of(method):
    """The state dict as float64 numpy arrays."""
    return {name: tensor.double().numpy() for name, tensor in method.state_dict().items()}
