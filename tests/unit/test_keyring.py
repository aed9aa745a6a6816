from app.services.keyring import Keyring

OLD, NEW = "the old secret, long enough to be one", "the new secret, long as well"


def test_what_is_sealed_is_opened_again() -> None:
    ring = Keyring(current=NEW)

    sealed = ring.seal("sk_ção")

    assert "sk_" not in sealed
    assert ring.open(sealed) == "sk_ção"
    assert ring.seal("sk_ção") != sealed


def test_the_previous_secret_opens_and_does_not_close() -> None:
    before, during = Keyring(current=OLD), Keyring(current=NEW, previous=OLD)
    after = Keyring(current=NEW)

    assert during.open(before.seal("x")) == "x"
    assert after.open(during.seal("x")) == "x"
    assert after.open(before.seal("x")) is None


def test_what_was_changed_or_is_foreign_stays_shut() -> None:
    ring = Keyring(current=NEW)
    sealed = ring.seal("x")

    for wrong in ("", "ç", "\0", sealed[:-1], sealed[::-1], "A" + sealed):
        assert ring.open(wrong) is None


def test_digests_are_found_under_both_secrets() -> None:
    before, during = Keyring(current=OLD), Keyring(current=NEW, previous=OLD)

    assert before.digest("sk_1") in during.digests("sk_1")
    assert during.digests("sk_1")[0] == Keyring(current=NEW).digest("sk_1")
    assert during.digest("sk_1") != during.digest("sk_2")
    assert Keyring(current=NEW).digest("x") != Keyring(current=OLD).digest("x")


def test_any_text_has_a_digest() -> None:
    ring = Keyring(current=NEW)

    assert len({ring.digest(text) for text in ("", "ç", "\udcff", "\0")}) == 4


def test_token_keys_have_names_the_current_one_first() -> None:
    before, during = Keyring(current=OLD), Keyring(current=NEW, previous=OLD)

    assert list(during.token_keys()) == [
        *Keyring(current=NEW).token_keys(),
        *before.token_keys(),
    ]
    assert during.token_keys().items() >= before.token_keys().items()


def test_every_process_knows_the_same_setup_token_and_nobody_guesses_from_it() -> None:
    token = Keyring(current=NEW, previous=OLD).setup_token()

    assert token == Keyring(current=NEW).setup_token()
    assert token != Keyring(current=OLD).setup_token()
    assert len(token) == 24
    assert token not in Keyring(current=NEW).digest("setup")
