"""Recognising a message that has come before."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from app.errors import IdempotencyMismatch
from app.models.message import Inbound, Message, MessageStatus, Tokens
from app.models.turn import Post, TurnResult

REMEMBERED = timedelta(days=8)


class Messages(Protocol):
    def find_inbound(self, inbound: Inbound) -> list[tuple[Message, str]]: ...
    def find_answer(self, message_id: str) -> Message | None: ...
    def release_inbound(self, message_id: str) -> None: ...


def inbound_of(post: Post, *, key_id: str) -> Inbound:
    """Return how the sender with this key names the message.

    The channel's own ids are only unique within a conversation on many channels,
    so they are taken together with it.
    """
    channel = (post.channel.message_service, post.channel.id)
    return Inbound(
        idempotency_key=post.idempotency_key
        and _digest("key", key_id, post.idempotency_key),
        channel_message=post.message_id
        and _digest("message", key_id, *channel, post.message_id),
        fingerprint=_digest(
            *channel,
            post.username,
            post.active,
            post.text,
            post.message_id,
            sorted(post.metadata.items()),
        ),
    )


class Repetitions:
    """What was stored under a sender's ids, for as long as it is remembered."""

    def __init__(self, *, messages: Messages, now: Callable[[], datetime]) -> None:
        self._messages = messages
        self._now = now

    def find(self, inbound: Inbound) -> Message | None:
        """Return the message that came before under the same ids.

        Raises IdempotencyMismatch when it was another one.
        """
        known: Message | None = None
        for message, fingerprint in self._messages.find_inbound(inbound):
            if message.created_at < self._now() - REMEMBERED:
                self._messages.release_inbound(message.id)
                continue
            if fingerprint != inbound.fingerprint:
                raise IdempotencyMismatch
            known = message
        return known

    def result(self, message: Message) -> TurnResult:
        """Return what a message that has reached its end got."""
        result = TurnResult(
            status=message.status,
            chat_id=message.chat_id,
            message_id=message.id,
            replayed=True,
        )
        if message.status is not MessageStatus.ANSWERED:
            return result
        answer = self._messages.find_answer(message.id)
        return answered(message, answer, replayed=True) if answer else result


def answered(message: Message, answer: Message, *, replayed: bool) -> TurnResult:
    return TurnResult(
        status=MessageStatus.ANSWERED,
        chat_id=message.chat_id,
        message_id=message.id,
        response=answer.text,
        response_id=answer.id,
        tokens=answer.tokens or Tokens(),
        model=answer.model,
        citations=answer.citations,
        replayed=replayed,
    )


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
