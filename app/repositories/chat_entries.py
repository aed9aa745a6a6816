"""What people at the console put into chats: entries, and the state with them."""

from collections.abc import Collection

from pymongo import ASCENDING, ReturnDocument

from app.models.attended import AttendedChat
from app.models.chat import Chat, ChatState, ChatStatus
from app.models.message import Message
from app.repositories.chat_rows import chat_from, state_changes, unwritten_row
from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated

ATTENDED_OF = "attended_of"  # the assistant; in attended chats only, for their index


@store_errors_translated
class ChatEntryRepository:
    """Entries whose place on the timeline and whose effect are one write."""

    def __init__(self, db: AnyDatabase) -> None:
        self._chats = db["chats"]
        self._repairable = self._chats.with_options(write_concern=REPAIRABLE)

    def ensure_indexes(self) -> None:
        for mark in ("unwritten.process", ATTENDED_OF):
            self._chats.create_index([(mark, ASCENDING)], sparse=True)

    def append(
        self, chat: Chat, entry: Message, state: ChatState, *, process: str
    ) -> Chat | None:
        """Give an entry its place on the timeline, and the chat a new state.

        It happens only if nothing came onto the timeline since ``chat`` was read;
        None otherwise: read it again. Until ``written`` the entry lies in the chat.
        """
        changes = state_changes(state)
        changes["$set"]["updated_at"] = entry.created_at
        if state.status is not ChatStatus.BOT:
            changes["$set"]["left_bot"] = entry.seq
        if state.attended is None:
            changes["$unset"][ATTENDED_OF] = ""
        else:
            changes["$set"][ATTENDED_OF] = chat.assistant_id
        row = self._chats.find_one_and_update(
            {"_id": chat.id, "last_seq": entry.seq - 1},
            {
                **changes,
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

    def list_attended(self, assistant_ids: Collection[str]) -> list[AttendedChat]:
        """Return the chats of these assistants that an attendant answers."""
        found = self._chats.find(
            {ATTENDED_OF: {"$in": list(assistant_ids)}},
            {ATTENDED_OF: 1, "attended": 1},
        )
        return [
            AttendedChat(
                id=row["_id"],
                assistant_id=row[ATTENDED_OF],
                attended=row["attended"],
            )
            for row in found
        ]

    def change_key(self, assistant_id: str, from_key: str, to_key: str) -> None:
        """Let another key deliver what is to come in the chats of one."""
        self._chats.update_many(
            {"assistant_id": assistant_id, "key_id": from_key},
            {"$set": {"key_id": to_key}},
        )
