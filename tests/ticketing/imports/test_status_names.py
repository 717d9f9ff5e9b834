"""Words of other programs for the status of a sale, and what statuses.toml may contain."""

import pytest
from pydantic import ValidationError

from ticketing.imports.status_names import StatusNames, normalize

NAMES = {"completed": ["paid"], "pending": ["open"], "failed": ["void"], "refunded": ["refund"]}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("completed", ["Paid", "p", "completed", "Attending", "Checked In", " PAID ", "checked_in"]),
        ("pending", ["Pending", "n", "Unpaid", "Offline", "wc-on-hold", "AUTHORIZED"]),
        ("failed", ["Canceled", "Cancelled", "c", "Expired", "e", "Abandoned"]),
        ("refunded", ["Refunded", "Refunded/Canceled"]),
    ],
)
def test_status_words_of_other_programs_are_known(status, words):
    assert {normalize(word) for word in words} == {status}


@pytest.mark.parametrize("word", ["Partially refunded", "Transferred", "processing", "maybe", "x", ""])
def test_unknown_status_word_is_unchanged(word):
    assert normalize(word) == word


@pytest.mark.parametrize(
    "changes",
    [
        {"failed": ["paid"]},
        {"failed": ["void", "void"]},
        {"failed": ["Void"]},
        {"failed": ["not  paid"]},
        {"voided": ["x"]},
    ],
    ids=["word of another status", "word twice", "upper case", "two spaces", "unknown status"],
)
def test_word_that_could_never_match_or_means_two_statuses_is_refused(changes):
    StatusNames.model_validate(NAMES)
    with pytest.raises(ValidationError):
        StatusNames.model_validate(NAMES | changes)
