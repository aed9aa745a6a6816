"""The comparison of answers with their description finds what is too much."""

from typing import Any

import pytest

from tests.support.allow_list import AllowList, strings_in

SPEC: dict[str, Any] = {
    "components": {
        "schemas": {
            "Chat": {
                "type": "object",
                "properties": {
                    "_id": {"type": "string"},
                    "unread": {"type": "integer"},
                    "score": {"type": "number"},
                    "open": {"type": "boolean"},
                    "channel": {"$ref": "#/components/schemas/Channel"},
                    "person": {
                        "anyOf": [
                            {"$ref": "#/components/schemas/Channel"},
                            {"type": "null"},
                        ]
                    },
                    "metadata": {
                        "type": "object",
                        "additionalProperties": {"type": "string"},
                    },
                    "anything": {"type": "object", "additionalProperties": True},
                    "unsaid": {},
                },
            },
            "Channel": {"type": "object", "properties": {"id": {"type": "string"}}},
        }
    }
}
CHATS = {"type": "array", "items": {"$ref": "#/components/schemas/Chat"}}
ALLOWED = AllowList(SPEC)


@pytest.mark.parametrize(
    "chat",
    [
        {},
        {"_id": "a", "unread": 1, "score": 1, "open": True, "channel": {"id": "b"}},
        {"score": 0.5, "person": None, "metadata": {"x": "y"}, "anything": {}},
        {"person": {"id": "a"}},
    ],
    ids=str,
)
def test_what_is_declared_is_allowed(chat: dict[str, Any]) -> None:
    assert ALLOWED.undeclared([chat, chat], CHATS) == []


@pytest.mark.parametrize(
    ("chat", "place"),
    [
        ({"_id": "a", "password_hash": "x"}, "[].password_hash"),
        ({"channel": {"id": "a", "key_id": "b"}}, "[].channel.key_id"),
        ({"person": {"id": "a", "key_id": "b"}}, "[].person.key_id"),
        ({"anything": {"key_id": "b"}}, "[].anything.key_id"),
        ({"metadata": {"x": {"digest": "y"}}}, "[].metadata.x"),
        ({"_id": {"digest": "y"}}, "[]._id"),
        ({"_id": ["a"]}, "[]._id"),
        ({"_id": None}, "[]._id"),
        ({"channel": "a"}, "[].channel"),
        ({"unread": True}, "[].unread"),
        ({"unread": 0.5}, "[].unread"),
        ({"open": 1}, "[].open"),
        ({"unsaid": "a"}, "[].unsaid"),
        ("a", "[]"),
    ],
    ids=str,
)
def test_what_is_not_declared_is_found(chat: Any, place: str) -> None:
    assert ALLOWED.undeclared([{}, chat], CHATS) == [place]


def test_something_else_than_a_list_is_found() -> None:
    assert ALLOWED.undeclared({"_id": "a"}, CHATS) == [""]


def test_every_string_has_its_place() -> None:
    body = [{"a": "x", "b": {"c": ["y", 1, None]}}]

    assert list(strings_in(body)) == [
        ("[]", "a"),
        ("[].a", "x"),
        ("[]", "b"),
        ("[].b", "c"),
        ("[].b.c[]", "y"),
    ]
