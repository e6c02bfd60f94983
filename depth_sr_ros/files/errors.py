"""What is raised for an image that cannot be used, wherever it comes from."""

from __future__ import annotations


class ImageError(ValueError):
    """An image, in a message or a file, cannot be used.

    Attributes:
        reason: a short snake_case word that names the kind: unknown_encoding, bad_size, bad_step, short_data or bad_data.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
