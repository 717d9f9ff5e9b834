"""JSON: an array of records, its numbers by their digits, and what is no such array."""

import codecs
import json

import pytest

from ticketing.errors import InvalidInput
from ticketing.imports import json_file
from ticketing.imports.files import read
from ticketing.imports.table import MAX_COLUMNS, MAX_ROWS


def table(text):
    return read("sales.json", text if isinstance(text, bytes) else text.encode())


def cells(record):
    """The cells of one record, given as JSON text."""
    found = table(f"[{record}]")
    return dict(zip(found.titles, found.records[0][1], strict=True))


def refusal(text, name="sales.json"):
    with pytest.raises(InvalidInput) as refused:
        read(name, text if isinstance(text, bytes) else text.encode())
    return refused.value.fields["file"]


def test_records_are_rows_and_their_keys_columns_in_the_order_in_which_they_come():
    found = table('[{"Ticket Type": "Table", "notes": "x"}, {"notes": "y", "quantity": 2}]')
    assert found.header == ("ticket_type", "notes", "quantity")
    assert found.titles == ("Ticket Type", "notes", "quantity")
    assert found.records == ((2, ["Table", "x", ""]), (3, ["", "y", "2"]))


@pytest.mark.parametrize("wrapper", ["items", "data", "sales"])
def test_a_list_inside_an_object_is_found(wrapper):
    assert table(f'{{"total": 1, "{wrapper}": [{{"a": "b"}}]}}').records == ((2, ["b"]),)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("0.1", "0.1"), ("100.10", "100.10"), ("1e2", "100"), ("1E-2", "0.01"),
        ("12345678901234567890", "12345678901234567890"),
        ("-0.50", "-0.50"), ("NaN", "NaN"), ("-Infinity", "-Infinity"), ("1e999999999", "1e999999999"),
        ("true", "true"), ("null", ""), ('"é\\u00e9"', "éé"), ('["a", "b"]', "a, b"), ("[1, 2]", "1, 2"),
        ("[]", ""), ('""', ""),
        ('[{"seat": 1}]', '[{"seat": "1"}]'),
    ],
)  # fmt: skip
def test_a_value_is_taken_by_what_the_file_says(value, cell):
    assert cells(f'{{"a": {value}, "b": "x"}}')["a"] == cell


def test_an_object_inside_a_record_is_columns_of_its_own():
    record = '{"id": 7, "donor": {"name": "Ana", "home": {"city": "Paris"}}, "paid": {}}'
    assert cells(record) == {"id": "7", "donor.name": "Ana", "donor.home.city": "Paris"}


def test_very_deep_objects_are_one_cell():
    assert cells('{"a": ' * 8 + "1" + "}" * 8) == {"a.a.a.a.a": '{"a": {"a": {"a": "1"}}}'}


def test_a_blank_record_is_passed_over_and_keeps_its_number():
    assert table('[{"a": "1"}, {}, {"a": null}, {"a": "2"}]').records == ((2, ["1"]), (5, ["2"]))


@pytest.mark.parametrize(
    "encoded",
    [
        str.encode,
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    ],
)
def test_it_is_read_as_programs_save_it(encoded):
    assert table(encoded(' [{"name": "Łukasz"}]')).records == ((2, ["Łukasz"]),)


@pytest.mark.parametrize("name", ["sales.csv", "sales.xlsx", "sales"])
def test_json_is_known_whatever_the_name_of_the_file_says(name):
    assert read(name, b'[{"a": "b"}]').records == ((2, ["b"]),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "This file is empty."),
        ("", "This file is empty."),
        ("[{}]", "a header and no rows"),
        ('{"a": 1}', "does not hold a list of sales"),
        ("[1]", "Row 2 of this file is not a record."),
        ('[{"a": 1}, [2]]', "Row 3 of this file is not a record."),
        ('[{"a": 1},]', "not valid JSON"),
        ('[{"a": 1}', "not valid JSON"),
        ("ticket_type,notes\nTable,x", "not valid JSON"),
        ('[{"a": 1, "b": 2, "a": 3}]', "has a twice"),
        ("[" * 100_000, "nested too deeply"),
        ('[{"a": ' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_array_of_records_is_refused_with_a_sentence(text, told):
    assert told in refusal(text)


def test_an_older_encoding_is_refused_instead_of_guessed_at():
    assert "not in UTF-8" in refusal('[{"name": "Zoë"}]'.encode("cp1252"))


def test_a_web_page_that_is_called_a_workbook_is_told_as_what_it_is():
    for page in (b"<html><table>", b'<?xml version="1.0"?><Workbook>', codecs.BOM_UTF8 + b"\n<!DOCTYPE html>"):
        assert "web page" in refusal(page, "sales.xls")


@pytest.mark.parametrize("beginning", [b"%PDF-1.7\n1 0 obj", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_a_pdf_or_a_picture_that_is_called_a_table_is_told_as_what_it_is(beginning):
    assert "PDF or a picture" in refusal(beginning + bytes(range(256)), "sales.csv")


def test_as_many_rows_as_may_be_are_read_and_one_more_is_refused():
    rows = [{"a": "x"}] * MAX_ROWS
    assert len(table(json.dumps(rows)).records) == 50_000
    assert "50,001 rows" in refusal(json.dumps([*rows, {"a": "x"}]))


def test_records_that_each_have_columns_of_their_own_do_not_fill_the_memory():
    def records(count):
        return json.dumps([{f"column {number}": "x"} for number in range(count)])

    assert len(table(records(MAX_COLUMNS)).titles) == 500
    assert "501 columns" in refusal(records(MAX_COLUMNS + 1))


def test_what_is_written_comes_back():
    content = json_file.write(("ticket_type", "notes"), [["=Table", "é"], ["Couple", ""]])
    assert json.loads(content) == [{"ticket_type": "=Table", "notes": "é"}, {"ticket_type": "Couple"}]
