"""JSON: arrays of records whose numbers keep their digits, and files that are refused."""

import codecs
import json

import pytest

from tests.support import sales_file
from ticketing.errors import InvalidInput
from ticketing.file_reader.table_format import MAX_COLUMNS, MAX_ROWS
from ticketing.imports import json_file

pytestmark = pytest.mark.system  # each file is read in a process of its own


def read_table(text):
    return sales_file.read_table("sales.json", text if isinstance(text, bytes) else text.encode())


def read_cells(record):
    """Return the cells of one record, given as JSON text."""
    table = read_table(f"[{record}]")
    return dict(zip(table.titles, table.records[0][1], strict=True))


def get_refusal(text, name="sales.json"):
    with pytest.raises(InvalidInput) as refused:
        sales_file.read_table(name, text if isinstance(text, bytes) else text.encode())
    return refused.value.fields["file"]


def test_keys_of_records_are_columns_in_the_order_of_their_first_use():
    table = read_table('[{"Ticket Type": "Table", "notes": "x"}, {"notes": "y", "quantity": 2}]')
    assert table.header == ("ticket_type", "notes", "quantity")
    assert table.titles == ("Ticket Type", "notes", "quantity")
    assert table.records == ((2, ["Table", "x", ""]), (3, ["", "y", "2"]))


@pytest.mark.parametrize("wrapper", ["items", "data", "sales", "attendees", "Tickets", "results"])
def test_list_inside_an_object_is_found(wrapper):
    assert read_table(f'{{"total": {{"n": 1}}, "{wrapper}": [{{"a": "b"}}]}}').records == ((2, ["b"]),)
    assert read_table(f'{{"data": {{"{wrapper}": [{{"a": "b"}}], "x": [1]}}}}').records == ((2, ["b"]),)


def test_other_lists_of_records_are_named():
    table = read_table('{"tags": [1], "ticket_classes": [{"c": 1}], "attendees": [{"a": 1}], "orders": [{"b": 2}]}')
    assert table.titles == ("a",)
    assert table.notices == ("Not read, because another list was taken: ticket_classes, orders.",)


@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n"])
@pytest.mark.parametrize("name", ["sales.jsonl", "sales.ndjson", "sales.txt"])
def test_file_may_have_a_record_on_each_line(name, end):
    text = '{"a": "1", "items": [{"b": 1}]}\n{"a": "2"}\r\n\n{"c": {"d": 3}}' + end
    table = sales_file.read_table(name, text.encode())
    assert table.titles == ("a", "items", "c.d")
    assert [(row, cells[0], cells[2]) for row, cells in table.records] == [(2, "1", ""), (3, "2", ""), (4, "", "3")]


def test_large_records_on_lines_are_read():
    lines = [json.dumps({"a": "x" * 200_000, "b": number}) for number in range(20)]
    assert len(read_table("\n".join(lines)).row_problems) == 20


def test_one_record_without_a_list_is_a_file_of_one_line():
    record = '{"order_number": "A1", "name": "Ana", "email": "ana@example.org", "tags": []}'
    assert read_table(record).records == ((2, ["A1", "Ana", "ana@example.org"]),)


def test_broken_line_is_refused_with_its_number():
    assert "not valid JSON: Extra data in line 2." in get_refusal('{"a": 1}\n[]')
    assert "in line 3." in get_refusal('{"a": 1}\n{"a": 2}\n{"a" 3}')


def test_attributes_of_json_api_resources_are_columns():
    record = (
        '{"type": "attendee", "id": "7", "attributes": {"email": "a@b.org", "id": "x"}, "links": {"self": "/7"},'
        ' "relationships": {"order": {"data": {"type": "order", "id": "3"}}, "tags": {"data": []}}}'
    )
    table = read_table(f'{{"data": [{record}], "included": [{{"type": "order", "id": "3"}}]}}')
    assert dict(zip(table.titles, table.records[0][1], strict=True)) == {
        "email": "a@b.org", "id": "x", "type": "attendee", "order_id": "3",
    }  # fmt: skip
    assert table.notices == ("Not read, because another list was taken: included.",)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("0.1", "0.1"), ("100.10", "100.10"), ("1e2", "100"), ("1E-2", "0.01"), ("1.500", "1.5000"),
        ("1.25e14", "125000000000000"), ("1.25e15", "1.25e15"),
        ("12345678901234567890", "12345678901234567890"),
        ("-0.50", "-0.50"), ("NaN", "NaN"), ("-Infinity", "-Infinity"), ("1e999999999", "1e999999999"),
        ("true", "true"), ("null", ""), ('"é\\u00e9"', "éé"), ('["a", "b"]', "a, b"), ("[1, 2]", "1, 2"),
        ("[]", ""), ('""', ""),
        ('[{"seat": 1}]', '[{"seat": "1"}]'),
    ],
)  # fmt: skip
def test_value_becomes_the_text_of_the_file(value, cell):
    assert read_cells(f'{{"a": {value}, "b": "x"}}')["a"] == cell


def test_object_inside_a_record_becomes_columns():
    record = '{"id": 7, "donor": {"name": "Ana", "home": {"city": "Paris"}}, "paid": {}}'
    assert read_cells(record) == {"id": "7", "donor.name": "Ana", "donor.home.city": "Paris"}


def test_deeply_nested_object_is_one_cell():
    assert read_cells('{"a": ' * 8 + "1" + "}" * 8) == {"a.a.a.a.a": '{"a": {"a": {"a": "1"}}}'}


def test_blank_record_is_skipped_and_keeps_its_number():
    assert read_table('[{"a": "1"}, {}, {"a": null}, {"a": "2"}]').records == ((2, ["1"]), (5, ["2"]))


@pytest.mark.parametrize(
    "encoded",
    [
        str.encode,
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
    ],
)
def test_encodings_of_json_files_are_read(encoded):
    assert read_table(encoded(' [{"name": "Łukasz"}]')).records == ((2, ["Łukasz"]),)


@pytest.mark.parametrize("name", ["sales.csv", "sales.xlsx", "sales"])
def test_json_is_recognized_whatever_the_file_name(name):
    assert sales_file.read_table(name, b'[{"a": "b"}]').records == ((2, ["b"]),)


@pytest.mark.parametrize(
    ("text", "sentence"),
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
def test_text_that_is_not_an_array_of_records_is_refused(text, sentence):
    assert sentence in get_refusal(text)


def test_older_encoding_is_refused():
    assert "not in UTF-8" in get_refusal('[{"name": "Zoë"}]'.encode("cp1252"))


def test_web_page_named_as_a_workbook_is_refused():
    for page in (b"<html><table>", b'<?xml version="1.0"?><Workbook>', codecs.BOM_UTF8 + b"\n<!DOCTYPE html>"):
        assert "web page" in get_refusal(page, "sales.xls")


@pytest.mark.parametrize("start", [b"%PDF-1.7\n1 0 obj", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_pdf_or_picture_named_as_a_csv_file_is_refused(start):
    assert "PDF or a picture" in get_refusal(start + bytes(range(256)), "sales.csv")


def test_row_limit():
    rows = [{"a": "x"}] * MAX_ROWS
    assert len(read_table(json.dumps(rows)).records) == 50_000
    assert "50,001 rows" in get_refusal(json.dumps([*rows, {"a": "x"}]))


def test_column_limit():
    def build_records(count):
        return json.dumps([{f"column {number}": "x"} for number in range(count)])

    assert len(read_table(build_records(MAX_COLUMNS)).titles) == 500
    assert "501 columns" in get_refusal(build_records(MAX_COLUMNS + 1))


def test_written_json_reads_back():
    content = json_file.write(("ticket_type", "notes"), [["=Table", "é"], ["Couple", ""]])
    assert json.loads(content) == [{"ticket_type": "=Table", "notes": "é"}, {"ticket_type": "Couple"}]


def test_control_characters_and_lone_surrogates_in_a_key_are_a_problem_of_that_column():
    table = read_table('[{"a\\ud800": "x", "notes": "y", "b\\u0000": "z", "a\\udfff": "\\ud83d"}]')
    assert table.titles == ("a\ufffd", "notes", "b\ufffd", "a\ufffd (2)")
    assert list(table.column_problems) == ["a\ufffd", "b\ufffd", "a\ufffd (2)"]
    assert set(table.column_problems.values()) == {"The name of this column has control characters. Remove them."}
    assert table.records == ((2, ["x", "y", "z", "\ud83d"]),)


def test_first_list_with_records_is_taken_and_the_others_must_be_valid():
    assert read_table('{"orders": [], "x": [[1]], "sales": [{"a": 1}], "data": [{"b": 2}]}').titles == ("a",)
    assert "not valid JSON" in get_refusal('{"sales": [{"a": 1}], "data": [{"b": 2]}')
    assert "not valid JSON: Extra data in line 2." in get_refusal('[{"a": 1}]\n[]')


def test_error_in_a_later_chunk_names_its_line():
    lines = ['{"a": "' + "x" * 100 + '"},'] * 5_000
    assert "in line 5,001." in get_refusal("[" + "\n".join([*lines, '{"a" 1}']) + "]")


def test_values_that_a_chunk_cuts_are_read_whole():
    record = '{"a": "é\\u00e9", "b": -12.50, "c": true}'
    table = read_table("[" + ",".join([record] * 5_000) + "]")
    assert {tuple(cells) for _, cells in table.records} == {("éé", "-12.50", "true")}
    assert len(table.records) == 5_000


def test_record_of_a_million_characters_is_refused():
    assert len(read_table('[{"a": "x", "b": "' + "y" * 900_000 + '"}]').row_problems) == 1
    assert "has more than 1,000,000 characters" in get_refusal('[{"a": "' + "y" * 3_000_000)
