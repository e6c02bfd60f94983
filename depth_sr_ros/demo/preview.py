"""The demo's picture: what went in, what came out, what is true, and where the errors are."""

import numpy as np

from depth_sr_ros.files.previews import colour_depth, contact_sheet

COLUMNS = 4
INVALID = (90, 90, 90)  # of error maps
SMALLEST_LIMIT = 0.05  # metres; errors that are smaller everywhere should look small
STEPS = 5  # numbers beside a legend's bar


def colour_error(error: np.ndarray, limit: float) -> np.ndarray:
    """(h, w) metres -> (h, w, 3) uint8 RGB: black where exact, yellow from `limit` on, grey invalid."""
    import cv2

    known = np.isfinite(error)
    share = np.clip(np.abs(np.where(known, error, 0)) / limit, 0, 1)
    colours = cv2.applyColorMap((255 * share).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    return np.where(known[..., None], colours, np.array(INVALID, np.uint8))


def demo_picture(
    guide: np.ndarray,
    measured: np.ndarray,
    bicubic: np.ndarray,
    result: np.ndarray,
    ground_truth: np.ndarray,
    name: str,
) -> np.ndarray:
    """One picture, (2 (H + title), 4 W, 3) uint8 RGB.

    Args:
        guide: (H, W, 3) uint8 RGB.
        measured: (h, w) metres, NaN invalid; shown as large as the others.
        bicubic, result, ground truth: (H, W) metres, NaN invalid.
        name: of what made `result`, for its title.
    """
    near, far = np.nanpercentile(ground_truth, (1, 99))
    errors = {"error of bicubic": bicubic - ground_truth, "error of the result": result - ground_truth}
    sizes = np.abs(np.stack(list(errors.values())))
    known = sizes[np.isfinite(sizes)]
    limit = max(SMALLEST_LIMIT, float(np.percentile(known, 97))) if known.size else SMALLEST_LIMIT
    depths = {
        f"measured depth, {measured.shape[1]} x {measured.shape[0]}": measured,
        "bicubic": bicubic,
        f"result: {name}, {result.shape[1]} x {result.shape[0]}": result,
        "ground truth": ground_truth,
    }
    pictures = {
        "guide": guide,
        **{title: colour_depth(image, near, far) for title, image in depths.items()},
        **{title: colour_error(error, limit) for title, error in errors.items()},
        "colours": legend(guide.shape[0], guide.shape[1], near, far, limit),
    }
    return contact_sheet(pictures, columns=COLUMNS)


def legend(height: int, width: int, near: float, far: float, limit: float) -> np.ndarray:
    """(height, width, 3) uint8 RGB: a bar of depths from near to far, one of errors up to limit, metres."""
    picture = np.zeros((height, width, 3), np.uint8)
    bars = (
        (
            "depth, m (black: invalid)",
            np.linspace(near, far, height),
            lambda values: colour_depth(values, near, far),
        ),
        (
            "error, m (grey: invalid)",
            np.linspace(0, limit, height),
            lambda values: colour_error(values, limit),
        ),
    )
    for number, (title, values, colour) in enumerate(bars):
        _draw_bar(picture[:, number * width // 2 : (number + 1) * width // 2], title, values, colour)
    return picture


def _draw_bar(picture: np.ndarray, title: str, values: np.ndarray, colour) -> None:
    """Draw a bar of `values` from top to bottom into (h, w, 3), its title above and numbers beside it."""
    import cv2

    height, width = picture.shape[:2]
    top, bottom, left, right = height // 8, height - height // 16, width // 10, width // 4
    bar = cv2.resize(colour(values[:, None]), (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)
    picture[top:bottom, left:right] = bar

    def write(text: str, row: int, column: int) -> None:
        canvas = np.ascontiguousarray(picture)
        cv2.putText(
            canvas,
            text,
            (column, row),
            cv2.FONT_HERSHEY_SIMPLEX,
            height / 750,
            (255, 255, 255),
            1,
            cv2.LINE_AA,
        )
        picture[:] = canvas

    write(title, top - height // 40, left)
    for step in range(STEPS):
        share = step / (STEPS - 1)
        value = values[0] + share * (values[-1] - values[0])
        write(f"{value:.2f}", round(top + share * (bottom - top)) + height // 100, right + width // 40)
