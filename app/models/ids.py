from bson import ObjectId


def new_id() -> str:
    """Make an id: a string that orders by time and that nothing parses."""
    return str(ObjectId())
