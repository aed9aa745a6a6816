from typing import Any


def fields_of(model: Any) -> dict[str, Any]:
    """Return the fields of a slotted dataclass as they are.

    ``dataclasses.asdict`` copies each value deeply, which costs as much as a write.
    """
    return {name: getattr(model, name) for name in model.__slots__}
