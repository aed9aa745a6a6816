from datetime import timedelta

from app.config import Settings
from app.repositories.database import now
from app.services.auth import AuthService
from app.services.keyring import Keyring
from app.services.login_limits import LoginLimits
from app.services.passwords import PasswordHasher
from app.services.thread_shares import RequestThreads
from app.wiring.keys import plain
from app.wiring.stores import Repositories

LOGINS_WAITING = 1 / 16  # of the request threads


def build_auth(
    settings: Settings, kept: Repositories, keyring: Keyring, threads: RequestThreads
) -> AuthService:
    return AuthService(
        users=kept.users,
        sessions=kept.sessions,
        passwords=PasswordHasher(waiting=lambda: int(threads.count() * LOGINS_WAITING)),
        limits=LoginLimits(
            attempts=kept.login_attempts, digest=keyring.digest, now=now
        ),
        setup_token=plain(settings.setup_token) or keyring.setup_token(),
        trust_loopback=settings.setup_token is None,
        registration_open=settings.registration == "open",
        session_life=timedelta(days=settings.refresh_token_days),
        now=now,
    )
