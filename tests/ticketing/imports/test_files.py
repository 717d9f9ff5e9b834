"""CSV files: encodings, delimiters, rows, and formulas that are escaped."""

import codecs
import csv
import io
from contextlib import suppress

import pytest

from ticketing.errors import InvalidInput
from ticketing.imports.files import read, read_csv, to_csv
from ticketing.imports.table import MAX_ROWS

HEADER = "ticket_type,purchaser_name,purchaser_email,quantity,total_amount,purchase_date,external_sale_id"


def get_refusal(content: bytes) -> str:
    with pytest.raises(InvalidInput) as refused:
        read_csv(content)
    return refused.value.fields["file"]


@pytest.mark.parametrize(
    "encoded",
    [
        str.encode,
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16 little", "utf-16 big"],
)
def test_encodings_of_spreadsheet_programs_are_read_with_accents(encoded):
    table = read_csv(encoded("ticket_type,purchaser_name\r\nTable,Łukasz Ødegård 美咲\r\n"))
    assert table.header == ("ticket_type", "purchaser_name")
    assert table.records == ((2, ["Table", "Łukasz Ødegård 美咲"]),)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_is_found_in_the_header(delimiter):
    table = read_csv(
        f"ticket_type{delimiter}notes\nTable{delimiter}one,two;three four\n".encode().replace(b"\n", b"\r\n")
    )
    assert table.header[0] == "ticket_type"
    assert table.records[0][1][0] == "Table"


def test_column_names_match_in_any_case_and_with_spaces():
    assert read_csv(b" Ticket Type ,PURCHASER-NAME\nTable,Ana\n").header == ("ticket_type", "purchaser_name")


def test_older_encoding_is_refused():
    assert "CSV UTF-8" in get_refusal("ticket_type,purchaser_name\nTable,Zoë\n".encode("cp1252"))


@pytest.mark.parametrize("content", [b"", b"  \r\n\n", codecs.BOM_UTF8])
def test_empty_file_is_refused(content):
    assert get_refusal(content) == "This file is empty. Choose a file with a header and at least one row."


@pytest.mark.parametrize("content", [HEADER, HEADER + "\n", HEADER + "\n\n,,,\n"])
def test_header_without_rows_is_refused(content):
    assert get_refusal(content.encode()) == "This file has a header and no rows. Choose a file with at least one row."


def test_record_with_line_breaks_is_one_row():
    table = read_csv(b'ticket_type,notes\nTable,"one\r\ntwo"\nCouple,three\n')
    assert table.records == ((2, ["Table", "one\r\ntwo"]), (3, ["Couple", "three"]))


def test_blank_records_are_skipped_and_keep_their_numbers():
    table = read_csv(b"ticket_type,notes\n\nTable,x\n , \nCouple,y\n\n\n")
    assert [row for row, _ in table.records] == [3, 5]


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ('ticket_type,notes\nTable,x\nTable,"never closed\nTable,y\n', 3),
        ('ticket_type,notes\nTable,"closed" too early\n', 2),
    ],
)
def test_unbalanced_quotation_mark_is_refused_with_its_row(content, row):
    assert get_refusal(content.encode()).startswith(f"Row {row} cannot be read")


def test_row_limit():
    rows = b"Table\n" * MAX_ROWS
    assert len(read_csv(b"ticket_type\n" + rows).records) == 50_000
    assert get_refusal(b"ticket_type\n" + rows + b"Table\n") == (
        "This file has 50,001 rows; an import takes at most 50,000. Split it."
    )


@pytest.mark.parametrize(
    "content", [b"\x00\x01\x02", b'"', b"\xff\xfe\x00", bytes(range(128)), b"{}", b"[[]]", b"PK\x03\x04", b",,,\n,x\n"]
)
def test_arbitrary_content_is_read_or_refused(content):
    for name in ("sales.csv", "sales.json", "sales.xlsx"):
        with suppress(InvalidInput):
            assert read(name, content).records


@pytest.mark.parametrize("text", ["=1+1", "+1", "-", "@SUM(A1)", " =x", "\t=x", "\rx"])
def test_formulas_are_escaped(text):
    content = to_csv(("message",), [(text,)])
    assert content.startswith(codecs.BOM_UTF8)
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))[1] == ["'" + text]


def test_other_text_and_numbers_are_written_unchanged():
    content = to_csv(("row", "message"), [(20, 'Zoë said "no", twice')])
    assert content.decode("utf-8-sig") == 'row,message\r\n20,"Zoë said ""no"", twice"\r\n'
