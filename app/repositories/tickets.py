from pymongo import ASCENDING

from app.models.ticket import Ticket
from app.repositories.database import REPAIRABLE, AnyDatabase
from app.repositories.failures import store_errors_translated


@store_errors_translated
class TicketRepository:
    """Tickets that nobody has used yet, by the digest of their secret."""

    def __init__(self, db: AnyDatabase) -> None:
        self._tickets = db["tickets"].with_options(write_concern=REPAIRABLE)

    def ensure_indexes(self) -> None:
        self._tickets.create_index([("expires_at", ASCENDING)], expireAfterSeconds=0)

    def add(self, ticket: Ticket) -> None:
        self._tickets.insert_one(
            {
                "_id": ticket.digest,
                "user_id": ticket.user_id,
                "session_id": ticket.session_id,
                "expires_at": ticket.expires_at,
            }
        )

    def take(self, digest: str) -> Ticket | None:
        """Return a ticket and remove it, so that nobody gets it again."""
        found = self._tickets.find_one_and_delete({"_id": digest})
        if found is None:
            return None
        return Ticket(
            digest=found["_id"],
            user_id=found["user_id"],
            session_id=found["session_id"],
            expires_at=found["expires_at"],
        )
