from typing import TypeAlias

from app.models.api_key import ApiKey
from app.models.user import User

Caller: TypeAlias = User | ApiKey
"""Who asks: a person at the console, or a program with a key."""
