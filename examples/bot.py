#!/usr/bin/env python3
# ruff: noqa: S310, T201
"""A bot in the terminal: every line you type is a contact's message."""

import json
import os
import sys
import time
import urllib.request
import uuid

URL = os.environ.get("API", "http://127.0.0.1:8080") + "/chats/enviarMensagemLLM"
HEADERS = {"X-API-Key": os.environ["KEY"], "Content-Type": "application/json"}
AGAIN = {409, 429, 500, 502, 503, 504}  # still being answered, or a passing trouble


def ask(contact: str, text: str, tries: int = 5) -> str | None:
    body = {"id": contact, "message_service": "terminal", "message": text}
    body["message_id"] = str(uuid.uuid4())  # however often it is sent: one answer
    request = urllib.request.Request(URL, json.dumps(body).encode(), HEADERS)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=100) as reply:
                answer: str | None = json.load(reply)["response"]
                return answer
        except OSError as error:  # a refusal, or a connection that broke
            tries -= 1
            if tries == 0 or getattr(error, "code", 503) not in AGAIN:
                raise
            time.sleep(int(getattr(error, "headers", {}).get("Retry-After", 5)))


for line in filter(None, map(str.strip, sys.stdin)):
    print(ask("me", line) or "(nobody answers by itself now)")
