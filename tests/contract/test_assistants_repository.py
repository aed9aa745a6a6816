from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.models.assistant import (
    Assistant,
    AssistantRole,
    History,
    Member,
    Retrieval,
    Takeover,
)
from app.models.page import PageRequest
from app.repositories.assistants import AssistantRepository
from tests.support.made import HARD_TEXTS, NOW, assistant, later
from tests.support.races import at_once

WHOLE: dict[str, Any] = {
    "company": "Vale",
    "instructions": "Be brief. {not a template} $set",
    "model": "gpt-test",
    "temperature": 0.3,
    "max_tokens": 99,
    "retrieval": Retrieval(enabled=False, passages=2, min_score=0.5, citations=False),
    "history": History(messages=3),
    "members": (
        Member(user_id="u2", role=AssistantRole.VIEWER),
        Member(user_id="u1", role=AssistantRole.EDITOR),
    ),
    "takeover": Takeover(
        return_after_minutes=30,
        contact_keywords=("atendente", "$pull"),
        release_keywords=("🤖",),
    ),
    "knowledge_version": 7,
    "updated_at": later(5),
}


@pytest.mark.parametrize("fields", [{}, WHOLE], ids=["plain", "whole"])
def test_an_assistant_is_read_as_it_was_written(
    assistants: AssistantRepository, fields: dict[str, Any]
) -> None:
    made = assistant(**fields)
    assistants.add(made)

    assert assistants.get(made.id) == made
    assert assistants.get("none") is None


@pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
def test_any_instructions_survive(assistants: AssistantRepository, text: str) -> None:
    made = assistant(instructions=text, name=text[:120])
    assistants.add(made)

    assert assistants.get(made.id) == made


def test_given_fields_change_alone(assistants: AssistantRepository) -> None:
    made, other = assistant(), assistant()
    assistants.add(made)
    assistants.add(other)

    changed = assistants.update(
        made.id, {"name": "New", "retrieval.passages": 3}, now=later(1)
    )

    assert changed == replace(
        made, name="New", retrieval=Retrieval(passages=3), updated_at=later(1)
    )
    assert assistants.get(made.id) == changed
    assert assistants.get(other.id) == other
    assert assistants.update("none", {"name": "x"}, now=later(1)) is None


def test_members_and_takeover_change_by_their_parts(
    assistants: AssistantRepository,
) -> None:
    made = assistant(**WHOLE)
    assistants.add(made)
    members = (Member(user_id="u3", role=AssistantRole.ATTENDANT),)

    changed = assistants.update(
        made.id,
        {"members": members, "takeover.contact_keywords": ("humano",)},
        now=later(9),
    )

    takeover = replace(made.takeover, contact_keywords=("humano",))
    assert changed == replace(
        made, members=members, takeover=takeover, updated_at=later(9)
    )
    assert assistants.get(made.id) == changed
    assert assistants.ids_for_member("u1") == []
    assert assistants.ids_for_member("u3") == [made.id]
    assert assistants.update(made.id, {"members": ()}, now=later(9)) == replace(
        made, members=(), takeover=takeover, updated_at=later(9)
    )
    assert assistants.ids_for_member("u3") == []


def test_who_has_a_return_timer_is_told_with_its_minutes(
    assistants: AssistantRepository,
) -> None:
    timed, other = assistant(takeover=Takeover(return_after_minutes=7)), assistant()
    assistants.add(timed)
    assistants.add(other)
    assert assistants.return_minutes() == {timed.id: 7}

    changed = {"takeover.return_after_minutes": 1}
    assistants.update(other.id, changed, now=later(1))
    assistants.mark_deleted(timed.id, now=later(1))

    assert assistants.return_minutes() == {other.id: 1}


def test_a_deleted_assistant_is_gone_but_for_the_clean_up(
    assistants: AssistantRepository,
) -> None:
    made, other = assistant(**WHOLE), assistant()
    assistants.add(made)
    assistants.add(other)

    assert assistants.mark_deleted(made.id, now=later(1))

    assert assistants.get(made.id) is None
    assert assistants.ids_for_owner(made.owner_id) == [other.id]
    assert assistants.ids_for_member("u1") == []
    assert assistants.list_page(PageRequest(), assistant_ids=None).items == [other]
    assert assistants.update(made.id, {"name": "x"}, now=NOW) is None
    assert not assistants.mark_deleted(made.id, now=later(2))
    assert assistants.marked_deleted() == [(made.id, later(1))]

    assistants.remove(made.id)
    assert assistants.marked_deleted() == []
    assert assistants.get(other.id) == other


def test_of_many_deletions_at_once_one_is_it(assistants: AssistantRepository) -> None:
    made = assistant()
    assistants.add(made)

    results = at_once(lambda _: assistants.mark_deleted(made.id, now=NOW))

    assert results.count(True) == 1


def test_every_change_of_knowledge_counts(assistants: AssistantRepository) -> None:
    made = assistant()
    assistants.add(made)

    at_once(lambda _: assistants.knowledge_changed(made.id))
    assistants.knowledge_changed("none")

    assert assistants.get(made.id) == replace(made, knowledge_version=32)


def test_the_knowledge_versions_of_those_that_there_are_are_found(
    stored: Callable[[Callable[[Any], Any]], Any],
) -> None:
    assistants: AssistantRepository = stored(AssistantRepository)
    made, gone = assistant(knowledge_version=7), assistant()
    assistants.add(made)
    assistants.add(gone)
    assistants.mark_deleted(gone.id, now=later(1))

    found = assistants.knowledge_versions({made.id, gone.id, "none"})

    assert found == {made.id: 7}
    assert assistants.knowledge_versions(set()) == {}


def test_a_prompt_is_pending_until_it_is_written(
    assistants: AssistantRepository,
) -> None:
    plain, with_prompt = assistant(), assistant(instructions="Be kind.")
    assistants.add(plain)
    assistants.add(with_prompt)
    assert assistants.with_prompt_pending() == [(with_prompt, "prompt.txt")]

    assistants.prompt_written(with_prompt.id, filename="prompt.txt", text="Be kind.")
    assert assistants.with_prompt_pending() == []

    changed = _set(assistants, plain, "Be brief.", "my.md")
    assert assistants.with_prompt_pending() == [(changed, "my.md")]


def test_a_prompt_that_changed_again_stays_pending(
    assistants: AssistantRepository,
) -> None:
    made = assistant()
    assistants.add(made)
    _set(assistants, made, "one", "a.txt")
    two = _set(assistants, made, "two", "a.txt")

    assistants.prompt_written(made.id, filename="a.txt", text="one")
    assistants.prompt_written(made.id, filename="b.txt", text="two")

    assert assistants.with_prompt_pending() == [(two, "a.txt")]


def test_nobody_writes_the_prompt_of_a_deleted_assistant(
    assistants: AssistantRepository,
) -> None:
    made = assistant(instructions="Be kind.")
    assistants.add(made)
    assistants.mark_deleted(made.id, now=NOW)

    assert assistants.with_prompt_pending() == []
    assert (
        assistants.set_instructions(made.id, "x", filename="a.txt", now=later(1))
        is None
    )


def _set(
    assistants: AssistantRepository, made: Assistant, text: str, filename: str
) -> Assistant:
    changed = assistants.set_instructions(
        made.id, text, filename=filename, now=later(1)
    )
    assert changed == replace(made, instructions=text, updated_at=later(1))
    return changed
