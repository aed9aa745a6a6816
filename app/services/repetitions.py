"""Recognising a message that has come before."""

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from app.errors import IdempotencyMismatch
from app.models.chat import Channel
from app.models.message import Inbound, Message, MessageStatus, Tokens
from app.models.turn import Post, TurnResult

REMEMBERED = timedelta(days=8)


class Messages(Protocol):
    def find_inbound(self, inbound: Inbound) -> list[tuple[Message, str]]: ...
    def find_answer(self, message_id: str) -> Message | None: ...
    def release_inbound(self, message_id: str) -> None: ...
    def delivered(self, ids: Collection[str]) -> None: ...


def inbound_of(post: Post, *, key_id: str) -> Inbound:
    """Return how the sender with this key names the message.

    The channel's own ids are only unique within a conversation on many channels,
    so they are taken together with it.
    """
    return Inbound(
        idempotency_key=post.idempotency_key
        and _digest("key", key_id, post.idempotency_key),
        channel_message=post.message_id
        and _channel_digest(post.channel, post.message_id, key_id),
        fingerprint=_digest(
            post.channel.message_service,
            post.channel.id,
            post.username,
            post.active,
            post.text,
            post.message_id,
            sorted(post.metadata.items()),
        ),
    )


def named_by_channel(channel: Channel, message_id: str, *, key_id: str) -> Inbound:
    """Return how the sender with this key names a message by its channel's id."""
    return Inbound(
        idempotency_key=None,
        channel_message=_channel_digest(channel, message_id, key_id),
        fingerprint="",
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
        """Return what a message that has reached its end got.

        An answer that is returned here need not be delivered by the outbox any more.
        """
        result = TurnResult(
            status=message.status,
            chat_id=message.chat_id,
            message_id=message.id,
            replayed=True,
        )
        if message.status is not MessageStatus.ANSWERED:
            return result
        answer = self._messages.find_answer(message.id)
        if answer is None:
            return result
        if answer.deliver_to:
            self._messages.delivered([answer.id])
        return replace(
            result,
            response=answer.text,
            response_id=answer.id,
            tokens=answer.tokens or Tokens(),
            model=answer.model,
            citations=answer.citations,
        )


def _channel_digest(channel: Channel, message_id: str, key_id: str) -> str:
    return _digest("message", key_id, channel.message_service, channel.id, message_id)


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
