"""`make demo`: the main job end to end, as a stranger does it, over HTTP alone.

`--once` ends after the answers; otherwise the server stays until Ctrl-C.
"""

import argparse
import http.client
import json
import secrets
import signal
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from scripts.server_process import ENDING, ServerFailed, ServerProcess
from scripts.terminal import Terminal
from scripts.visitor import DocumentFailed, Refused, Visitor, ready_document

EXAMPLES = Path(__file__).parent.parent / "examples"
SHOP = "Loja do Vale"
EMAIL = "owner@example.com"
POST = "/chats/enviarMensagemLLM"
INTERRUPTED = 130

QUESTIONS = (
    "Oi, tudo bem?",
    "Qual é o prazo para troca?",
    "Tem desconto no Pix?",
    "How much is the delivery to Porto Alegre?",
    "And to Manaus?",
    "Do you rent surfboards?",
)
TO_TRY = "Vocês embrulham para presente?"


class Demo:
    """One run: somebody sets an assistant up, and a contact asks it."""

    def __init__(self, server: ServerProcess, terminal: Terminal) -> None:
        self._address = server.address
        self._terminal = terminal
        self._password = secrets.token_urlsafe(9)
        self._key = ""

    def set_up(self) -> None:
        """Do what the owner of an assistant does, once."""
        nobody = Visitor(self._address)
        login = {"email": EMAIL, "password": self._password}
        nobody.post("/auth/register", login | {"name": "Olivia Owner"})
        token = nobody.post("/auth/login", login)["token"]
        self._terminal.done(f"registered and logged in as {EMAIL}")

        owner = Visitor(self._address, Authorization=f"Bearer {token}")
        assistant = owner.post("/assistants/add", {"name": SHOP})
        self._key = assistant["api_key"]
        self._terminal.done(f"created the assistant {SHOP}; a bot gets its API key")

        for name, kind in (
            ("prompt.md", "prompt"),
            ("faq.md", "rag"),
            ("delivery.md", "rag"),
        ):
            sent = {"type": kind, "assistant_id": assistant["_id"]}
            document = owner.upload("/documents/add", EXAMPLES / name, **sent)
            ready_document(owner, document)
            what = "its prompt" if kind == "prompt" else "knowledge it may quote"
            self._terminal.done(f"uploaded {name}: {what}")

    def ask_all(self) -> None:
        """Do what a bot does with a contact's messages."""
        provider = Visitor(self._address).get("/readyz")["provider"]
        model = "no model, it quotes" if provider == "offline" else provider
        say, bold = self._terminal.say, self._terminal.bold
        say()
        say(f"{bold('A contact writes')}; {SHOP} answers ({model})")
        bot = Visitor(self._address, X_API_Key=self._key)
        for question in QUESTIONS:
            say()
            say(f"  {self._terminal.cyan('?')} {bold(question)}")
            self._ask(bot, question)

    def tell_how_to_go_on(self) -> None:
        say, bold = self._terminal.say, self._terminal.bold
        say()
        say(f"{bold('Now you.')} The server is yours to try:")
        say()
        say(f"  address   {self._address}")
        say(f"  login     {EMAIL}  {self._password}")
        say(f"  API page  {self._address}/docs")
        say()
        say(
            f"curl -s {self._address}{POST} -H 'X-API-Key: {self._key}'"
            f" -H 'Content-Type: application/json'"
            f" -d '{json.dumps(_message(TO_TRY), ensure_ascii=False)}'"
        )
        say()

    def _ask(self, bot: Visitor, question: str) -> None:
        message = _message(question) | {"message_id": str(uuid.uuid4())}
        started = time.perf_counter()
        turn = bot.post_surely(POST, message, wait=self._wait)
        took = (time.perf_counter() - started) * 1000
        say_wrapped, dim = self._terminal.say_wrapped, self._terminal.dim
        say_wrapped(turn["response"] or f"({turn['status']})", indent=4)
        for number, citation in enumerate(turn["citations"], 1):
            self._cite(number, citation)
        tokens = turn["tokens"]
        used = f"{tokens['in']} tokens in, {tokens['out']} out"
        self._terminal.say(dim(f"    {used}, {took:.0f} ms"))

    def _cite(self, number: int, citation: dict[str, Any]) -> None:
        place = citation["filename"]
        if citation["heading"]:
            place += f", {citation['heading'].rpartition(' > ')[2]}"
        self._terminal.say(f"    {self._terminal.green(f'[{number}] {place}')}")

    def _wait(self, seconds: float, refusal: Refused) -> None:
        words = f"    {refusal.code}: again in {seconds:.0f} s"
        self._terminal.say(self._terminal.dim(words))
        time.sleep(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.demo")
    parser.add_argument("--once", action="store_true", help="end after the answers")
    once: bool = parser.parse_args().once
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="orquestradora-demo-") as folder:
            _run(Path(folder), once=once)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ServerFailed as exc:
        sys.exit(str(exc))


def _run(folder: Path, *, once: bool) -> None:
    terminal = Terminal()
    terminal.say(f"{terminal.bold('Orquestradora')}, in an empty folder of its own")
    terminal.say()
    started = time.perf_counter()
    with ServerProcess(folder) as server:
        terminal.done(
            f"the server listens on {server.address}"
            f" after {time.perf_counter() - started:.1f} s"
        )
        demo = Demo(server, terminal)
        try:
            demo.set_up()
            demo.ask_all()
        except (Refused, DocumentFailed, OSError, http.client.HTTPException) as exc:
            raise server.failure(f"The demo ended early: {exc}") from exc
        demo.tell_how_to_go_on()
        if not once:
            _stay(server, terminal)
    terminal.say("The server has been stopped and its data removed.")


def _stay(server: ServerProcess, terminal: Terminal) -> None:
    terminal.say("Ctrl-C ends the server and removes its data.")
    try:
        server.wait()
    except KeyboardInterrupt:
        terminal.say()


def _message(text: str) -> dict[str, str]:
    return {
        "id": "5551999990000",
        "message_service": "whatsapp",
        "username": "Clara",
        "message": text,
    }


if __name__ == "__main__":
    main()
