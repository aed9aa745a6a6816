"""A store with a history: copies of one real conversation, written in bulk."""

from collections.abc import Iterator, Sequence
from typing import Any

from pymongo import InsertOne

from app.models.chat import Channel
from app.models.ids import new_id
from app.repositories.chat_rows import channel_key
from app.repositories.database import REPAIRABLE, AnyDatabase

SERVICE = "whatsapp"
FRESH = ("_id", "turn", "idempotency_key", "channel_message")
BATCH = 1000

Row = dict[str, Any]


def contact(number: int) -> str:
    return f"55119{number:08d}"


class Conversation:
    """All that the store holds of one chat, as what others are made from."""

    def __init__(self, db: AnyDatabase, contact_id: str) -> None:
        self._db = db
        found = db["chats"].find_one({"channel.id": contact_id})
        if found is None:
            raise LookupError(contact_id)
        self._chat = found
        of_chat = {"chat_id": found["_id"]}
        self._messages = list(db["messages"].find(of_chat).sort("seq", 1))
        self._usage = list(db["usage"].find(of_chat))

    def copy_to(self, numbers: Sequence[int], *, times: int = 1) -> int:
        """Give these contacts this conversation, ``times`` over; counts messages."""
        written = 0
        for start in range(0, len(numbers), BATCH):
            some = numbers[start : start + BATCH]
            copies = [self._copy(number, times) for number in some]
            for collection, part in (("messages", 1), ("usage", 2), ("chats", 0)):
                rows = [row for copy in copies for row in copy[part]]
                self._insert(collection, rows)
            written += sum(len(copy[1]) for copy in copies)
        return written

    def _insert(self, collection: str, rows: list[Row]) -> None:
        into = self._db[collection].with_options(write_concern=REPAIRABLE)
        for start in range(0, len(rows), BATCH):
            into.bulk_write([InsertOne(row) for row in rows[start : start + BATCH]])

    def _copy(self, number: int, times: int) -> tuple[list[Row], list[Row], list[Row]]:
        """Return the chats, messages and ledger entries of a contact."""
        channel = Channel(id=contact(number), message_service=SERVICE)
        names = {
            self._chat["_id"]: new_id(),
            self._chat["channel"]["id"]: channel.id,
            self._chat["channel_key"]: channel_key(channel),
        }
        length = len(self._messages)
        messages: list[Row] = []
        usage: list[Row] = []
        for round_ in range(times):
            fresh = names | dict(self._fresh())
            for row in self._messages:
                seq = row["seq"] + round_ * length
                messages.append(_renamed(row, fresh) | {"seq": seq})
            usage += [_renamed(row, fresh) for row in self._usage]
        chat = _renamed(self._chat, names) | {"last_seq": times * length}
        return [chat], messages, usage

    def _fresh(self) -> Iterator[tuple[str, str]]:
        for row in self._messages:
            for name in FRESH:
                if name in row:
                    yield row[name], new_id()


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, dict):
        return {name: _renamed(item, names) for name, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return value
