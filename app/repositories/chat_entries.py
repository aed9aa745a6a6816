"""What people at the console put into chats: entries, and the state with them."""

from pymongo import ASCENDING, ReturnDocument

from app.models.chat import Chat, ChatState
from app.models.message import Message
from app.repositories.chat_rows import chat_from, state_changes, unwritten_row
from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated


@store_errors_translated
class ChatEntryRepository:
    """Entries whose place on the timeline and whose effect are one write."""

    def __init__(self, db: AnyDatabase) -> None:
        self._chats = db["chats"]
        self._repairable = self._chats.with_options(write_concern=REPAIRABLE)

    def ensure_indexes(self) -> None:
        for mark in ("unwritten.process", "attended"):
            self._chats.create_index([(mark, ASCENDING)], sparse=True)

    def append(
        self, chat: Chat, entry: Message, state: ChatState, *, process: str
    ) -> Chat | None:
        """Give an entry its place on the timeline, and the chat a new state.

        It happens only if nothing came onto the timeline since ``chat`` was read;
        None otherwise: read it again. Until ``written`` the entry lies in the chat.
        """
        changes = state_changes(state)
        row = self._chats.find_one_and_update(
            {"_id": chat.id, "last_seq": entry.seq - 1},
            {
                **changes,
                "$set": changes["$set"] | {"updated_at": entry.created_at},
                "$inc": {"last_seq": 1},
                "$push": {"unwritten": unwritten_row(entry, process)},
            },
            return_document=ReturnDocument.AFTER,
        )
        return chat_from(row) if row else None

    def written(self, chat_id: str, entry_id: str) -> None:
        """Let go of an entry that is on the timeline."""
        self._repairable.update_one(
            {"_id": chat_id}, {"$pull": {"unwritten": {"id": entry_id}}}
        )

    def find_unwritten(self, process: str) -> list[Chat]:
        """Return the chats with an entry of this server process not yet written."""
        found = self._chats.find({"unwritten.process": process})
        return [chat_from(row) for row in found]

    def list_attended(self) -> list[Chat]:
        """Return the chats that an attendant answers."""
        return [chat_from(row) for row in self._chats.find({"attended": {"$gte": 0}})]

    def change_key(self, assistant_id: str, from_key: str, to_key: str) -> None:
        """Let another key deliver what is to come in the chats of one."""
        self._chats.update_many(
            {"assistant_id": assistant_id, "key_id": from_key},
            {"$set": {"key_id": to_key}},
        )
