"""Pictures for people: depth in colours, and several pictures side by side under their names."""

from __future__ import annotations

import numpy as np


def colour_depth(depth: np.ndarray, near: float, far: float) -> np.ndarray:
    """(h, w) metres -> (h, w, 3) uint8 RGB, red near, blue far, black where not finite and positive."""
    import cv2

    with np.errstate(invalid="ignore"):
        known = np.isfinite(depth) & (depth > 0)
    closeness = (far - np.where(known, depth, far)) / max(far - near, 1e-6)
    index = (20 + 235 * np.clip(closeness, 0, 1)).astype(np.uint8)  # the lowest of its colours are nearly black
    colours = cv2.applyColorMap(index, cv2.COLORMAP_TURBO)
    return np.where(known[..., None], colours[..., ::-1], np.uint8(0))


def contact_sheet(pictures: dict[str, np.ndarray], columns: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB pictures by title, scaled to the first one's size -> one picture, row by row."""
    import cv2

    height, width = next(iter(pictures.values())).shape[:2]
    title_height = max(20, height // 16)
    cells = []
    for title, picture in pictures.items():
        if picture.shape[:2] != (height, width):
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST)
        cell = np.zeros((title_height + height, width, 3), np.uint8)
        cell[title_height:] = picture
        cv2.putText(
            cell,
            title,
            (4, title_height - 6),
            cv2.FONT_HERSHEY_SIMPLEX,
            title_height / 40,
            (255, 255, 255),
            1,
            cv2.LINE_AA,
        )
        cells.append(cell)
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    rows = [np.hstack(cells[first : first + columns]) for first in range(0, len(cells), columns)]
    return np.vstack(rows)
