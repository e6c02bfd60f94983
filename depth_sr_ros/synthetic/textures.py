"""Procedural colour textures for generated scenes: noise, cells, stripes, collages, and plain paint."""

import torch
from torch import Tensor

SIZE = 256  # texels per axis; textures tile
KINDS = ("noise", "posterised", "cells", "stripes", "checks", "collage", "plain")


def texture_bank(count: int, generator: torch.Generator) -> Tensor:
    """Return `count` random textures, (count, 3, SIZE, SIZE) float32 in [0, 1]; the kinds take turns."""
    return torch.stack([_texture(KINDS[i % len(KINDS)], generator) for i in range(count)])


def fractal_noise(slope: float, generator: torch.Generator) -> Tensor:
    """Return periodic noise of spectrum 1/f^slope, (SIZE, SIZE), its values spread evenly over [0, 1]."""
    frequency = torch.fft.fftfreq(SIZE)[:, None].hypot(torch.fft.rfftfreq(SIZE)[None])
    spectrum = torch.fft.rfft2(torch.randn(SIZE, SIZE, generator=generator))
    field = torch.fft.irfft2(spectrum / frequency.clamp(min=1 / SIZE) ** slope, s=(SIZE, SIZE))
    return field.flatten().argsort().argsort().view(SIZE, SIZE).float() / (SIZE * SIZE - 1)


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()


def _palette(count: int, generator: torch.Generator) -> Tensor:
    """Random colours (count, 3) around a common one: contrast and saturation differ from texture to texture."""
    base = torch.rand(1, 3, generator=generator)
    grey = base.mean(1, keepdim=True)
    base = grey + (base - grey) * _uniform(0.1, 1.2, generator)
    spread = torch.rand(count, 3, generator=generator) - 0.5
    spread_grey = spread.mean(1, keepdim=True)
    spread = spread_grey + (spread - spread_grey) * _uniform(0.0, 1.0, generator)
    return (base + spread * _uniform(0.1, 1.6, generator)).clamp(0, 1)


def _ramp(values: Tensor, colours: Tensor) -> Tensor:
    """Map values in [0, 1] to (3, SIZE, SIZE) along a line through the colours."""
    position = values * (len(colours) - 1)
    low = position.floor().long().clamp(0, len(colours) - 2)
    fraction = (position - low)[..., None]
    return (colours[low] * (1 - fraction) + colours[low + 1] * fraction).permute(2, 0, 1)


def _texture(kind: str, generator: torch.Generator) -> Tensor:
    colours = _palette(5, generator)
    noise = fractal_noise(_uniform(0.6, 2.2, generator), generator)
    if kind == "noise":
        texture = _ramp(noise, colours)
    elif kind == "posterised":
        texture = colours[(noise * 4.999).long()].permute(2, 0, 1)
    elif kind == "cells":
        texture = colours[_cells(generator) % 5].permute(2, 0, 1)
    elif kind in ("stripes", "checks"):
        texture = colours[_pattern(kind, noise, generator)].permute(2, 0, 1)
    elif kind == "collage":
        texture = _collage(colours, generator)
    else:
        texture = colours[0][:, None, None].expand(3, SIZE, SIZE)
    grain = (noise.roll(SIZE // 3, 0) - 0.5) * _uniform(0.0, 0.15, generator)
    return (texture + grain).clamp(0, 1)


def _cells(generator: torch.Generator) -> Tensor:
    """Index of the nearest of some random points on the torus, (SIZE, SIZE)."""
    points = torch.rand(int(_uniform(10, 70, generator)), 2, generator=generator)
    line = torch.arange(SIZE) / SIZE
    rows = (line[:, None] - points[:, 0]).abs()
    columns = (line[:, None] - points[:, 1]).abs()
    rows, columns = torch.minimum(rows, 1 - rows), torch.minimum(columns, 1 - columns)
    return (rows[:, None] ** 2 + columns[None] ** 2).argmin(-1)


def _pattern(kind: str, noise: Tensor, generator: torch.Generator) -> Tensor:
    """Stripes or checks of two or three colours, straight or wavering."""
    line = torch.arange(SIZE) / SIZE
    waver = (noise - 0.5) * _uniform(0.0, 0.06, generator)
    across = line[None] + waver
    along = line[:, None] + waver
    count = int(_uniform(2, 24, generator))
    if kind == "checks":
        return ((across * 2 * count).floor() + (along * 2 * count).floor()).long() % 2
    phase = (across * count) % 1
    return (phase > _uniform(0.2, 0.8, generator)).long() + (phase > 0.9).long()


def _collage(colours: Tensor, generator: torch.Generator) -> Tensor:
    """Rectangles and discs over each other: print, posters, labels."""
    texture = colours[0][:, None, None].repeat(1, SIZE, SIZE)
    line = torch.arange(SIZE) / SIZE
    for shape in torch.rand(int(_uniform(8, 60, generator)), 6, generator=generator):
        row, column, height, width, pick, disc = shape.tolist()
        half_height, half_width = 0.005 + 0.14 * height**2, 0.005 + 0.14 * width**2
        dy, dx = (line - row).abs(), (line - column).abs()
        dy, dx = torch.minimum(dy, 1 - dy) / half_height, torch.minimum(dx, 1 - dx) / half_width
        if disc > 0.7:
            inside = dy[:, None] ** 2 + dx[None] ** 2 < 1
        else:
            inside = (dy[:, None] < 1) & (dx[None] < 1)
        texture = torch.where(inside, colours[int(pick * 4.999)][:, None, None], texture)
    return texture
