from collections.abc import Iterator
from pathlib import Path

import pytest

from app.repositories.search_index import SearchIndex
from app.services.knowledge.retrieval import RetrievalService
from app.services.llm.offline import OfflineProvider
from app.services.llm.port import Completion, Delta
from app.texts import text
from tests.support.knowledge import EXAMPLES, Library, Shop, passage, request

UNKNOWN_PT, UNKNOWN_EN = text("offline.unknown", "pt"), text("offline.unknown", "en")
TO_PORTO_ALEGRE = "How long does delivery to Porto Alegre take?"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    library = Library()
    for name in ("faq.md", "delivery.md"):
        path: Path = EXAMPLES / name
        library.put(path.read_text(encoding="utf-8"), filename=name)
    index = SearchIndex(tmp_path_factory.mktemp("index") / "search.sqlite3")
    yield Shop(RetrievalService(chunks=library, documents=library, index=index))
    index.close()


@pytest.mark.parametrize(
    ("greeting", "language"),
    [
        ("Oi!", "pt"),
        ("olá, bom dia", "pt"),
        ("Boa tarde, Vale", "pt"),
        ("Hi there", "en"),
        ("Good morning!", "en"),
    ],
)
def test_a_greeting_is_greeted(shop: Shop, greeting: str, language: str) -> None:
    answer = shop.ask(greeting)
    assert answer.text == text("offline.greeting", language, name="Vale")
    assert answer.citations == ()


def test_a_portuguese_question_gets_its_sentence(shop: Shop) -> None:
    answer = shop.ask("Qual é o prazo para troca de um produto?")
    assert answer.text == (
        "Dos meus documentos: Você pode trocar qualquer produto sem uso em até 30 dias"
        " depois da compra, com a nota fiscal e a embalagem original. [1]"
    )
    (cited,) = answer.citations
    assert cited.filename == "faq.md"
    assert "30 dias" in cited.quote


def test_an_english_question_gets_its_sentence(shop: Shop) -> None:
    answer = shop.ask(TO_PORTO_ALEGRE)
    assert answer.text.startswith(
        "From my documents: Delivery within Porto Alegre takes 1 business day."
    )
    assert [cited.filename for cited in answer.citations] == ["delivery.md"]


@pytest.mark.parametrize(
    ("question", "earlier", "said"),
    [
        ("And how much is it?", [TO_PORTO_ALEGRE], "R$ 9.90"),
        ("And to Manaus?", [TO_PORTO_ALEGRE], "10 business days"),
        ("And how much is it?", ["And to Manaus?", TO_PORTO_ALEGRE], "R$ 49.90"),
        ("E para Manaus?", ["Prazo de entrega para Porto Alegre?"], "10 business days"),
        ("quanto custa?", ["Vocês embrulham para presente?"], "R$ 12,00"),
        ("Qual o horário?", [TO_PORTO_ALEGRE], "das 9h às 18h30"),
    ],
)
def test_a_follow_up_needs_what_came_before(
    shop: Shop, question: str, earlier: list[str], said: str
) -> None:
    answer = shop.ask(question, earlier)
    assert said in answer.text
    assert answer.citations


IN_THE_DOCUMENTS = [
    ("vocês abrem no domingo?", "funcionamento", "Não há atendimento aos domingos"),
    ("qual o horario de funcionamento?", "funcionamento", "das 9h às 18h30"),
    ("Quais as formas de pagamento?", "formas de pagamento", "Aceitamos Pix"),
    ("aceita cartao de credito?", "formas de pagamento", "cartão de crédito"),
    ("Posso parcelar em quantas vezes?", "parcelar", "10 vezes sem juros"),
    ("como faço uma devolucao?", "devolução", "7 dias"),
    ("Quero devolver um produto", "devolução", "7 dias"),
    ("Qual a garantia das bicicletas?", "garantia dos produtos", "12 meses"),
    ("A garantia cobre pneu furado?", "não cobre", "pneus"),
    ("Vocês fazem embrulho de presente?", "embrulham", "gratuito"),
    ("Quanto custa a caixa de presente?", "embrulham", "R$ 12,00"),
    ("qual o endereço da loja", "Onde fica", "Rua dos Andradas"),
    ("tem estacionamento?", "estacionamento", "convênio"),
    ("esqueci minha senha", "senha", "Clique em"),
    ("os pontos expiram?", "pontos", "um ano"),
    ("tem desconto no pix?", "desconto", "5%"),
    ("posso trocar um capacete usado?", "não pode ser trocado", "Capacetes usados"),
    ("Qual o telefone de atendimento?", "falo com", "3333-0140"),
    ("How much is shipping to Manaus?", "Manaus", "R$ 49.90"),
    ("Is shipping free above a certain amount?", "Free shipping", "R$ 299.00"),
    ("Do you ship abroad?", "Areas", "do not ship abroad"),
    ("Do you deliver to other countries?", "Areas", "do not ship abroad"),
    ("How much does express delivery cost?", "Express", "R$ 19.90"),
    ("Can I pick up my order in the store?", "Pick-up", "free of charge"),
    ("How do I track my parcel?", "Tracking", "tracking code"),
    ("My box arrived damaged, what do I do?", "damage", "48 hours"),
    ("Can I change the delivery address?", "address", "until the parcel"),
    ("Is there a surcharge for a bicycle box?", "Large items", "R$ 45.00"),
    ("delivery time to Recife", "Recife", "7 business days"),
    ("What is the deadline for Rio Grande do Sul?", "Rio Grande", "2 to 3"),
    ("Do you deliver to São Paulo?", "São Paulo", "4 business days"),
    ("How many times does the courier try?", "Absence", "three times"),
]


@pytest.mark.parametrize(("question", "heading", "said"), IN_THE_DOCUMENTS)
def test_the_right_passage_comes_first_and_is_quoted(
    shop: Shop, question: str, heading: str, said: str
) -> None:
    first = shop.passages(question)[0].chunk
    assert heading in (first.heading or "")
    answer = shop.ask(question)
    assert said in answer.text
    assert answer.text.endswith("[1]")
    (cited,) = answer.citations
    assert cited.heading == first.heading
    assert cited.quote in first.text


@pytest.mark.parametrize(
    "question",
    [
        "Vocês consertam bicicletas elétricas?",
        "Vocês vendem patinetes?",
        "Qual é o nome do dono?",
        "Vocês contratam estagiários?",
        "Tem curso de mecânica?",
        "Posso alugar uma bicicleta?",
        "Vocês vendem tênis de corrida?",
        "Aceitam criptomoedas?",
    ],
)
def test_what_no_document_has_is_not_found_in_portuguese(
    shop: Shop, question: str
) -> None:
    answer = shop.ask(question)
    assert answer.text == UNKNOWN_PT
    assert answer.citations == ()


@pytest.mark.parametrize(
    "question",
    [
        "Do you repair electric scooters?",
        "Do you rent bikes?",
        "Who is the CEO of the company?",
        "Can I bring my dog?",
        "What is the weather today?",
        "Do you accept bitcoin?",
        "Can I pay with PayPal?",
        "Do you offer insurance for theft?",
    ],
)
def test_what_no_document_has_is_not_found_in_english(
    shop: Shop, question: str
) -> None:
    answer = shop.ask(question)
    assert answer.text == UNKNOWN_EN
    assert answer.citations == ()


def test_a_follow_up_about_something_else_is_not_found(shop: Shop) -> None:
    assert shop.ask("Do you repair it?", [TO_PORTO_ALEGRE]).text == UNKNOWN_EN


def said_to(*args: object, **kwargs: object) -> str:
    events = OfflineProvider().complete(request(*args, **kwargs))  # type: ignore[arg-type]
    return "".join(event.text for event in events if isinstance(event, Delta))


def test_deltas_come_first_and_one_completion_last() -> None:
    *deltas, last = OfflineProvider().complete(request("gift?", [passage("A gift.")]))
    assert len(deltas) > 1
    assert all(isinstance(delta, Delta) for delta in deltas)
    assert isinstance(last, Completion)
    assert (last.model, last.estimated) == ("offline", True)
    assert last.tokens_in > 0
    assert last.tokens_out > 0


def test_marks_number_the_passages_as_they_were_given() -> None:
    passages = [passage("Nothing.", coverage=0.1), passage("A gift box.", coverage=1.0)]
    assert said_to("gift box?", passages) == "From my documents: A gift box. [2]"


def test_a_second_passage_must_bring_what_the_first_lacks() -> None:
    passages = [
        passage("A gift box is red.", score=3, coverage=0.67),
        passage("A box is brown.", score=2.9, coverage=0.67),
        passage("A ribbon is blue, on a gift.", score=2.8, coverage=0.67),
    ]
    answer = said_to("gift box ribbon", passages)
    assert "red" in answer
    assert "brown" not in answer
    assert answer.endswith("A ribbon is blue, on a gift. [3]")


def test_of_a_long_passage_the_best_sentence_is_quoted() -> None:
    padding = "\n\n".join(f"Line {n} is about something else." for n in range(20))
    answer = said_to("gift box?", [passage(f"{padding}\n\nA gift box.\n\n{padding}")])
    assert answer == "From my documents: A gift box. [1]"


def test_brackets_in_a_document_are_no_marks() -> None:
    assert "(7)" in said_to("gift?", [passage("A gift [7] and {braces}.")])


def test_thanks_are_returned() -> None:
    assert said_to("Muito obrigado!") == text("offline.thanks", "pt")
    assert said_to("thanks!") == text("offline.thanks", "en")


def test_a_question_that_begins_with_a_greeting_is_answered() -> None:
    answer = said_to("Hi, do you have gift boxes?", [passage("A gift box.")])
    assert answer.endswith("A gift box. [1]")


def test_without_passages_nothing_is_found() -> None:
    assert said_to("gift?") == UNKNOWN_EN
    assert said_to("tem presente?") == UNKNOWN_PT


def test_where_no_word_tells_the_language_the_instructions_do() -> None:
    spoken = "Você é a voz da loja e ajuda os clientes."

    assert said_to("criptomoedas?", instructions=spoken) == UNKNOWN_PT
    assert said_to("Do you take bitcoin?", instructions=spoken) == UNKNOWN_EN
