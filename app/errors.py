"""Every expected failure: its HTTP status and its code.

Codes are promises to clients; the words that go with them live in ``app.texts``
under ``error.<code>``.
"""

from typing import Any, ClassVar


class AppError(Exception):
    """A failure with an answer for the caller.

    ``words`` names its text where it is not the code's. ``fields`` says what is
    wrong with which input field, ``details`` are further members of the error body,
    ``retry_after`` is in seconds.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    words: ClassVar[str | None] = None
    default_retry_after: ClassVar[int | None] = None

    def __init__(
        self,
        *,
        fields: dict[str, str] | None = None,
        retry_after: int | None = None,
        **details: Any,
    ) -> None:
        super().__init__(self.code)
        self.fields = fields
        self.retry_after = (
            self.default_retry_after if retry_after is None else retry_after
        )
        self.details = details


# What callers get wrong


class BadRequest(AppError):
    status, code = 400, "bad_request"


class InvalidInput(AppError):
    status, code = 422, "invalid_input"


class UnsupportedMediaType(AppError):
    status, code = 415, "unsupported_media_type"


class HeadTooLarge(AppError):
    status, code = 431, "head_too_large"


class Unauthorized(AppError):
    status, code = 401, "unauthorized"


class InvalidCredentials(AppError):
    status, code = 401, "invalid_credentials"


class Forbidden(AppError):
    status, code = 403, "forbidden"


class ScopeMissing(Forbidden):
    """A key that does not open this; ``expected`` names the scopes that do."""

    words = "forbidden_to_key"


class RegistrationClosed(AppError):
    status, code = 403, "registration_closed"


class SetupTokenRequired(AppError):
    status, code = 403, "setup_token_required"


class EmailTaken(AppError):
    status, code = 409, "email_taken"


class TooManyLoginAttempts(AppError):
    status, code = 429, "too_many_login_attempts"


class AssistantNotFound(AppError):
    status, code = 404, "assistant_not_found"


class UserNotFound(AppError):
    status, code = 404, "user_not_found"


class LastAdmin(AppError):
    status, code = 409, "last_admin"


class KeyNotFound(AppError):
    status, code = 404, "key_not_found"


class TooManyKeys(AppError):
    status, code = 409, "too_many_keys"


class ChatNotFound(AppError):
    status, code = 404, "chat_not_found"


class ChatAmbiguous(AppError):
    status, code = 409, "chat_ambiguous"


class ChatAssigned(AppError):
    """Another attendant answers; ``assigned_to`` is their id."""

    status, code = 409, "chat_assigned"


class ChatNotHuman(AppError):
    status, code = 409, "chat_not_human"


class MessageNotFound(AppError):
    status, code = 404, "message_not_found"


class DocumentNotFound(AppError):
    status, code = 404, "document_not_found"


class DocumentExists(AppError):
    status, code = 409, "document_exists"


class DocumentTooLarge(AppError):
    status, code = 413, "document_too_large"


class DocumentQuotaExceeded(AppError):
    status, code = 409, "document_quota_exceeded"


class TooManyDocuments(DocumentQuotaExceeded):
    words = "too_many_documents"


class DocumentTypeUnsupported(AppError):
    status, code = 415, "document_type_unsupported"


class DocumentNotText(AppError):
    status, code = 415, "document_not_text"


class DocumentEncodingUnknown(AppError):
    status, code = 415, "document_encoding_unknown"


class DocumentNotRead(AppError):
    """What it is cannot be read; ``reason`` says why."""

    status, code = 415, "document_not_read"


class DocumentEmpty(AppError):
    status, code = 422, "document_empty"


class ImportRefused(AppError):
    """An archive that is not taken in; ``reason`` says why, ``entry`` names what."""

    status, code = 422, "import_refused"


class AddressRefused(AppError):
    """An address that is not asked; ``fields`` says why under ``url``."""

    status, code = 422, "address_refused"

    def __init__(self, words: str) -> None:
        super().__init__(fields={"url": words})


class AddressUnreadable(AppError):
    """An address was asked, without success; ``reason`` says why."""

    status, code = 502, "address_unreadable"


class AddressTooSlow(AddressUnreadable):
    status, code, words = 504, "address_timeout", "address_unreadable"


class AddressTooLarge(AppError):
    status, code = 413, "address_too_large"


# Repetitions


class TurnInProgress(AppError):
    status, code, default_retry_after = 409, "in_progress", 1


class IdempotencyMismatch(AppError):
    status, code = 422, "idempotency_mismatch"


# What the provider of answers does wrong


class ProviderError(AppError):
    """A turn that failed because of the provider; the message is kept."""


class ProviderRateLimited(ProviderError):
    status, code, default_retry_after = 503, "provider_rate_limited", 30


class ProviderUnavailable(ProviderError):
    status, code = 502, "provider_unavailable"


class ProviderSuspended(ProviderError):
    """The breaker is open: the provider failed again and again just now."""

    status, code, default_retry_after = 503, "provider_suspended", 30


class ProviderTimeout(ProviderError):
    status, code = 504, "provider_timeout"


class ProviderInterrupted(ProviderError):
    """The answer was cut off."""

    status, code = 502, "provider_interrupted"


class ProviderInvalidAnswer(ProviderError):
    status, code = 502, "provider_invalid_answer"


class ProviderRefused(ProviderError):
    """The provider refused the request itself: its key, model or parameters."""

    status, code = 502, "provider_refused"


# What we cannot do right now


class Busy(AppError):
    status, code, default_retry_after = 503, "busy", 1


class ChatBusy(AppError):
    status, code, default_retry_after = 503, "chat_busy", 5


class StoreUnavailable(AppError):
    status, code, default_retry_after = 503, "store_unavailable", 3


class StorageFull(AppError):
    status, code = 507, "storage_full"
