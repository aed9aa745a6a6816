"""Tokens where nobody counted them."""

import math

BYTES_PER_TOKEN = 3.5  # between English (4) and Portuguese (3)


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a model would make of the text."""
    size = len(text) if text.isascii() else len(text.encode(errors="replace"))
    return math.ceil(size / BYTES_PER_TOKEN)
