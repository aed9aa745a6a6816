#!/usr/bin/env python3
# ruff: noqa: S310, T201
"""A bot in the terminal: every line you type is a contact's message."""

import json
import os
import sys
import threading
import time
import urllib.request
import uuid
from typing import Any

CHATS = os.environ.get("API", "http://127.0.0.1:8080") + "/chats"
HEADERS = {"X-API-Key": os.environ["KEY"], "Content-Type": "application/json"}
AGAIN = {409, 429, 500, 502, 503, 504, 507}  # still being answered, or it may pass
delivered: set[str] = set()  # a bot that is restarted keeps this for 8 days
one_at_a_time = threading.Lock()


def call(path: str, body: dict[str, str] | None = None) -> Any:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(CHATS + path, data, HEADERS)
    with urllib.request.urlopen(request, timeout=100) as reply:
        return json.load(reply)


def pause(error: OSError) -> None:
    """Wait for what may pass; raise what will not."""
    if getattr(error, "code", 503) not in AGAIN:  # no code: the connection broke
        raise error
    time.sleep(int(getattr(error, "headers", {}).get("Retry-After", 5)))


def state(contact: str, message_id: str) -> str:
    try:
        return str(call(f"/{contact}/messages/{message_id}")["status"])
    except OSError:
        return "unknown"


def deliver(entry_id: str, text: str) -> None:
    with one_at_a_time:
        if entry_id not in delivered:
            delivered.add(entry_id)
            print(text, flush=True)


def hear(contact: str, text: str, tries: int = 5) -> None:
    """Send a contact's message until it has its end, and deliver the answer."""
    message_id = str(uuid.uuid4())  # the channel's own, if it has one: answered once
    body = {"id": contact, "message_service": "terminal", "message": text}
    while True:
        try:
            answer = call("/enviarMensagemLLM", body | {"message_id": message_id})
            break
        except OSError as error:
            tries -= 1
            if tries == 0:
                raise
            pause(error)
        while state(contact, message_id) == "pending":
            time.sleep(1)
    if answer["response"] is None:
        print("(nobody answers by itself now)", flush=True)
    else:
        deliver(answer["response_id"], answer["response"])


def bring() -> None:
    """Deliver what no answer brought: attendants' words, and answers that came late."""
    last = ""
    while True:
        try:
            for entry in call(f"/outbox?wait=25&after={last}"):
                deliver(entry["_id"], entry["text"])
                last = entry["_id"]
        except OSError as error:
            pause(error)


threading.Thread(target=bring, daemon=True).start()
for line in filter(None, map(str.strip, sys.stdin)):
    hear("me", line)
