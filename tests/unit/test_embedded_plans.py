import pytest

from app.repositories.embedded.indexing import Index, KeyMaker
from app.repositories.embedded.plans import make_plan, shape_of

BY_ID = Index(0, "_id_", KeyMaker((("_id", 1),)), unique=True)
OWNED = Index(1, "owner", KeyMaker((("owner", 1), ("seq", 1))), unique=True)
SOME = {"$in": [1, 2]}


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({"_id": 1, "owner": "a"}, BY_ID),
        ({"_id": SOME, "owner": "a"}, BY_ID),
        ({"owner": "a", "_id": SOME}, BY_ID),
        ({"owner": "a", "seq": SOME}, OWNED),
        ({"owner": "a", "seq": 3, "_id": SOME}, OWNED),
        ({"owner": "a", "_id": {"$gt": 1}}, OWNED),
    ],
    ids=["key", "keys", "keys behind", "two fields", "both", "range"],
)
def test_whole_keys_are_looked_up_before_all_that_begins_alike(
    query: dict[str, object], index: Index
) -> None:
    plan = make_plan([OWNED], BY_ID, shape_of(list(query.items())), ())

    assert plan.index is index
