from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser

from app.extraction.draft import Draft
from app.extraction.html import write_html

_HEADERS = ("From", "To", "Cc", "Date")


def read_mail(data: bytes, draft: Draft) -> None:
    """Write the subject as heading, who wrote to whom and when, and the text.

    Of attachments the names alone: each is a document of its own.
    """
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(data)
    draft.heading(1, _header(message, "Subject"))
    for name in _HEADERS:
        if value := _header(message, name):
            draft.line(f"{name}: {value}")
    draft.blank()
    body = message.get_body(("plain", "html"))
    if body is not None:
        text = _content(body)
        if body.get_content_type() == "text/html" and text.strip():
            write_html(text, draft)
        else:
            draft.line(text)
    draft.blank()
    for part in message.iter_attachments():
        if filename := part.get_filename():
            draft.line(f"Attachment: {filename}")


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message[name] or "").split())
    except (ValueError, LookupError, AttributeError):  # of what is no such header
        return ""


def _content(body: MIMEPart) -> str:
    try:
        return str(body.get_content())
    except (LookupError, ValueError):  # a character set that nobody knows
        content = body.get_payload(decode=True)
        return content.decode("cp1252", "replace") if isinstance(content, bytes) else ""
