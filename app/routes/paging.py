from typing import TypeVar
from urllib.parse import urlencode

from flask import request

from app.models.page import Page

T = TypeVar("T")

Listed = tuple[list[T], dict[str, str]]


def listed(page: Page[T]) -> Listed[T]:
    """Return a page as its plain array, and the headers that lead on."""
    headers = {"X-Total-Count": str(page.total)}
    if page.next is not None:
        headers["Link"] = next_link(after=page.next)
    return page.items, headers


def next_link(**cursor: str) -> str:
    """Return the ``Link`` header of the next page: this request with the cursor."""
    query = urlencode({**request.args, **cursor})
    return f'<{request.path}?{query}>; rel="next"'
