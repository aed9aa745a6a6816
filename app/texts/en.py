"""English."""

TEXTS = {
    "error.internal_error": "Something went wrong on our side.",
    "error.not_found": "There is nothing at this address.",
    "error.method_not_allowed": "This address does not take that method.",
    "error.bad_request": "The request could not be read: {reason}.",
    "error.invalid_input": "Some fields are not valid.",
    "error.unsupported_media_type": "This address takes {expected}.",
    "error.body_too_large": "The body is larger than {limit}.",
    "error.head_too_large": "Request line and headers are larger than {limit}.",
    "error.unauthorized": "A valid credential is required.",
    "error.invalid_credentials": "E-mail and password do not match.",
    "error.forbidden": "Your role does not allow this.",
    "error.forbidden_to_key": "The key needs a scope for this: {expected}.",
    "error.registration_closed": "Registration is closed; ask an administrator.",
    "error.setup_token_required": (
        "The first account is created from the server's own machine, or with the"
        " setup token that the server logs when it starts."
    ),
    "error.email_taken": "An account with this e-mail exists.",
    "error.too_many_login_attempts": "Too many failed logins; try again later.",
    "error.assistant_not_found": "There is no such assistant.",
    "error.user_not_found": "There is no such user.",
    "error.last_admin": "This is the last active administrator.",
    "error.key_not_found": "There is no such key.",
    "error.too_many_keys": "The assistant has as many keys as it may have.",
    "error.chat_not_found": "There is no such chat.",
    "error.chat_ambiguous": (
        "Several chats have this channel id; use the chat's own id."
    ),
    "error.chat_assigned": "Another attendant answers this chat.",
    "error.chat_not_human": "No person has this chat.",
    "error.message_not_found": "There is no such message.",
    "error.document_not_found": "There is no such document.",
    "error.document_exists": (
        "The assistant has a document of this name or address; send replace=true to"
        " replace it."
    ),
    "error.document_too_large": "The file is larger than {limit}.",
    "error.document_quota_exceeded": (
        "The assistant's documents would exceed {limit}."
    ),
    "error.too_many_documents": (
        "The assistant has as many documents as it may have: {limit}."
    ),
    "error.document_type_unsupported": "Files of this type are not read: {expected}.",
    "error.document_not_text": "The file's contents are not text.",
    "error.document_encoding_unknown": (
        "The file's text encoding is not known; save it as UTF-8."
    ),
    "error.document_not_read": "The file cannot be read. {reason}",
    "error.document_empty": "The file holds no text.",
    "error.import_refused": "The file cannot be imported: {reason}.",
    "error.address_refused": "This address may not be read.",
    "error.address_unreadable": "The address could not be read: {reason}.",
    "error.address_too_large": "What is at this address is larger than {limit}.",
    "error.in_progress": "This message is being answered.",
    "error.idempotency_mismatch": (
        "This Idempotency-Key or message_id was used for another message."
    ),
    "error.provider_rate_limited": "The model's provider is over its rate limit.",
    "error.provider_unavailable": "The model's provider did not answer properly.",
    "error.provider_suspended": (
        "The model's provider failed repeatedly; it is given a pause."
    ),
    "error.provider_timeout": "The model's provider took too long.",
    "error.provider_interrupted": "The answer was cut off.",
    "error.provider_invalid_answer": (
        "The model's provider answered something unusable."
    ),
    "error.provider_refused": (
        "The model's provider refused the request; check its key and the model."
    ),
    "error.busy": "The server is busy; try again shortly.",
    "error.chat_busy": (
        "Earlier messages of this chat are still being answered; this one is kept."
    ),
    "error.store_unavailable": "The database is not available right now.",
    "error.storage_full": "There is no space left to store this.",
    "document.interrupted": "Processing was interrupted; upload the file again.",
    "document.broken": (
        "The file is damaged; open it, save it anew and upload it again."
    ),
    "document.crashed": (
        "Reading the file failed; save it anew, or in another format, and "
        "upload it again."
    ),
    "document.empty": "The file holds no text.",
    "document.encoding_unknown": (
        "The text's encoding is not known; save the file as UTF-8."
    ),
    "document.encrypted": (
        "The file is protected by a password; save it without one and upload it again."
    ),
    "document.no_text": (
        "The pages are pictures without text; run text recognition (OCR) over "
        "the file first."
    ),
    "document.not_that_format": (
        "The file is not what its name says; save it in the format of its extension."
    ),
    "document.too_large": (
        "Unpacked, the file is larger than what is read; split it into smaller ones."
    ),
    "document.too_long": (
        "The file holds more text or columns than are read; split it into smaller ones."
    ),
    "document.too_much_memory": (
        "Reading the file takes more memory than allowed; split it or make it simpler."
    ),
    "document.too_slow": (
        "Reading the file takes longer than allowed; split it into smaller ones."
    ),
    "document.unembedded": (
        "It is found by its words, but not by its meaning: the provider of its vectors"
        " gave none."
    ),
    "document.unsupported": "Files of this type are not read.",
    "offline.found": "From my documents:",
    "offline.greeting": "Hello! I am {name}. How can I help?",
    "offline.thanks": "You are welcome!",
    "offline.unknown": "I did not find that in my documents.",
    "auth.registered": "Account created.",
    "auth.logged_out": "Signed out.",
    "auth.password_changed": "Password changed; every other sign-in has ended.",
    "timeline.takeover": "{name} took the conversation over.",
    "timeline.release": "{name} handed the conversation back to the assistant.",
    "timeline.assign": "{name} assigned the conversation to {assigned_name}.",
    "timeline.unassign": "{name} left the conversation to whoever comes next.",
    "timeline.close": "{name} closed the conversation.",
    "timeline.activate": "{name} switched the assistant on.",
    "timeline.deactivate": "{name} switched the assistant off.",
    "timeline.reopened": "The contact wrote again: the conversation is open.",
    "timeline.asked_for_person": "The contact asked for a person.",
    "timeline.asked_for_bot": "The contact asked for the assistant.",
    "timeline.returned": "No attendant wrote for long: the assistant answers again.",
    "field.no_attendant": "names nobody who may answer for this assistant",
    "field.cursor": "is not a cursor of ours",
    "field.characters": "holds characters that are not text",
    "field.object": "must be a JSON object",
    "field.blank": "must not be blank",
    "field.filename": "has no usable file name",
    "field.address_form": "is not an address such as https://example.com/page",
    "field.address_scheme": "must start with http:// or https://",
    "field.address_credentials": "must not hold a user name or password",
    "field.address_port": "names a port that is not read",
    "field.address_not_public": "leads to no host on the public internet",
    "field.address_own": "is an address of this server",
    "field.idempotency_key": "must have at most 256 characters",
    "field.common_password": "is a password that is guessed first",
    "field.not_future": "must lie in the future",
    "field.duplicate": "holds something twice",
    "field.owner_member": "names the owner",
    "field.unknown_user": "names no user",
    "field.read_only": "cannot be changed",
    "field.null": "must not be null",
    "field.contradiction": "contradicts this list",
    "field.missing": "is required",
    "field.extra_forbidden": "is not a known field",
    "field.string_type": "must be a string",
    "field.int_type": "must be a whole number",
    "field.float_type": "must be a number",
    "field.bool_type": "must be true or false",
    "field.string_too_short": "must have at least {min_length} characters",
    "field.string_too_long": "must have at most {max_length} characters",
    "field.string_pattern_mismatch": "has a form that is not allowed",
    "field.greater_than_equal": "must be at least {ge}",
    "field.less_than_equal": "must be at most {le}",
    "field.enum": "must be one of {expected}",
    "field.literal_error": "must be one of {expected}",
    "field.too_long": "must have a length of at most {max_length}",
    "field.too_short": "must have a length of at least {min_length}",
    "field.value_error": "is not valid",
    "field.int_parsing": "must be a whole number",
    "field.int_parsing_size": "is too large a number",
    "field.int_from_float": "must be a whole number",
    "field.greater_than": "must be more than {gt}",
    "field.less_than": "must be less than {lt}",
    "field.finite_number": "must be a finite number",
    "field.date_from_datetime_parsing": "must be a date such as 2026-11-20",
    "field.date_parsing": "must be a date such as 2026-11-20",
    "field.date_type": "must be a date such as 2026-11-20",
    "field.date_from_datetime_inexact": "must be a date without a time",
    "field.instant": "must be a time such as 2026-11-20T08:30:00Z",
    "field.tuple_type": "must be a list",
    "field.list_type": "must be a list",
    "field.float_parsing": "must be a number",
    "field.dict_type": "must be an object",
    "field.model_type": "must be an object",
    "field.model_attributes_type": "must be an object",
    "reason.unclear": "not understood",
    "reason.host": "unknown Host",
    "reason.depth": "nested too deeply",
    "reason.utf8": "not UTF-8",
    "reason.json": "not valid JSON",
    "reason.duplicate": "a key stands twice in an object",
    "reason.constant": "NaN and infinities are not JSON",
    "reason.number": "a number is too large",
    "reason.address_timeout": "it took too long",
    "reason.address_unreachable": "nothing answers there",
    "reason.address_certificate": "its certificate is not valid",
    "reason.address_broken": "its answer broke off",
    "reason.address_malformed": "its answer is not valid HTTP",
    "reason.address_encoding": "its answer has an encoding that is not read",
    "reason.address_redirects": "it leads on to other addresses too often",
    "reason.import_archive": "it is not a zip archive, or a damaged one",
    "reason.import_entries": "it holds more than an assistant may have documents",
    "reason.import_name": "an entry has a name that is not allowed",
    "reason.import_kind": "an entry is a folder, a link or a device",
    "reason.import_encrypted": "an entry is encrypted",
    "reason.import_method": "an entry is compressed in a way that is not read",
    "reason.import_twice": "an entry or a document stands in it twice",
    "reason.import_overlap": "entries overlap",
    "reason.import_unlisted": "an entry is not in documents.json",
    "reason.import_missing": "an entry is missing",
    "reason.import_large": "an entry is larger than it may be",
    "reason.import_size": "an entry has another size than documents.json says",
    "reason.import_hash": "an entry has other contents than documents.json says",
    "reason.import_damaged": "an entry is damaged",
    "reason.import_json": "an entry is not valid JSON",
    "reason.import_fields": "an entry has too many fields that are unknown or wrong",
    "reason.import_format": "it is no export of an assistant",
    "reason.import_version": "it is in another version of the format",
    "expected.other": "another type",
    "limit.unknown": "the limit",
}
