"""Names of other programs for the columns of an import, and what columns.toml may contain."""

import pytest
from pydantic import ValidationError

from ticketing.file_reader.columns import COLUMNS
from ticketing.imports.column_names import ALIASES, SEAT_COLUMNS, ColumnNames, normalize


@pytest.mark.parametrize(
    ("name", "normalized"),
    [
        ("E-Mail", "email"),
        ("Order #", "order#"),
        ("ticket_type", "tickettype"),
        ("Price*", "price"),
        ("Größe?", "grösse"),
    ],
)
def test_names_are_compared_without_case_spaces_and_punctuation(name, normalized):
    assert normalize(name) == normalized


def test_one_title_and_several_that_together_are_a_column_are_both_aliases():
    assert ALIASES["ticket_type"][1:4] == (("ticket_type",), ("Product", "Variation"), ("Product",))
    assert {"positionid", "attendee#"} <= SEAT_COLUMNS


@pytest.mark.parametrize(
    "change",
    [
        lambda aliases: aliases | {"tickets": ["Tickets"]},
        lambda aliases: {column: names for column, names in aliases.items() if column != "notes"},
        lambda aliases: aliases | {"notes": [[]]},
        lambda aliases: aliases | {"notes": [7]},
    ],
    ids=["unknown column", "missing column", "alias without titles", "no text"],
)
def test_file_must_name_each_of_our_columns_and_no_other(change):
    aliases = {column: [column] for column in COLUMNS}
    ColumnNames.model_validate({"seat_columns": [], "aliases": aliases})
    with pytest.raises(ValidationError):
        ColumnNames.model_validate({"seat_columns": [], "aliases": change(aliases)})
