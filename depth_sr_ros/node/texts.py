"""Texts of bounded length: what a peer sends ends up in logs and on /diagnostics."""

LIMIT = 300  # characters


def shortened(text: str, limit: int = LIMIT) -> str:
    """Return the text, or its beginning where it has more than `limit` characters."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def one_line(error: BaseException) -> str:
    """Return the message of an error in one line of bounded length; its type's name where it has none."""
    return shortened(" ".join(str(error).split()), 2 * LIMIT) or type(error).__name__
