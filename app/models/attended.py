from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendedChat:
    """A chat that a person answers; ``attended``: the ``seq`` of their last sign."""

    id: str
    assistant_id: str
    attended: int
