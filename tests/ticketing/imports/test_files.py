"""CSV files: encodings, delimiters, rows, and formulas that are escaped."""

import codecs
import csv
import io
from contextlib import suppress

import pytest

from tests.support.sales_file import read_table
from ticketing.errors import InvalidInput
from ticketing.file_reader.table_format import MAX_ROWS
from ticketing.imports.files import to_csv

pytestmark = pytest.mark.system  # each file is read in a process of its own

HEADER = "ticket_type,purchaser_name,purchaser_email,quantity,total_amount,purchase_date,external_sale_id"


def get_refusal(content: bytes) -> str:
    with pytest.raises(InvalidInput) as refused:
        read_table("sales.csv", content)
    return refused.value.fields["file"]


@pytest.mark.parametrize(
    "encoded",
    [
        str.encode,
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16 little", "utf-16 big", "little without mark", "big without mark"],
)
def test_encodings_of_spreadsheet_programs_are_read_with_accents(encoded):
    table = read_table("sales.csv", encoded("ticket_type,purchaser_name\r\nTable,Łukasz Ødegård 美咲\r\n"))
    assert table.header == ("ticket_type", "purchaser_name")
    assert table.records == ((2, ["Table", "Łukasz Ødegård 美咲"]),)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found_in_the_header(delimiter):
    table = read_table(
        "sales.csv",
        f"ticket_type{delimiter}notes\nTable{delimiter}one,two;three four\n".encode().replace(b"\n", b"\r\n"),
    )
    assert table.header[0] == "ticket_type"
    assert table.records[0][1][0] == "Table"


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_that_names_the_delimiter_is_honored(line, end):
    table = read_table("sales.csv", end.join([line, "", "a;b,c,d", "1;2", ""]).encode())
    assert (table.titles, table.header_row, table.notices) == (("a", "b,c,d"), 3, ())
    assert table.records == ((4, ["1", "2"]),)


def test_line_that_names_a_tab_is_honored():
    assert read_table("sales.csv", b"sep=\t\na,b\tc\n1\t2\n").titles == ("a,b", "c")
    assert "This file is empty." in get_refusal(b"sep=;\r\n")


class TestLinesAboveTheHeader:
    def read(self, *lines):
        return read_table("sales.csv", "\n".join(lines).encode())

    def test_are_skipped_and_shown(self):
        table = self.read("Gala 2026", "", "By Ana, for Bo", "Order number,Name,Email", "A1,Ana,ana@example.org")
        assert table.records == ((5, ["A1", "Ana", "ana@example.org"]),)
        assert table.notices == ("Skipped 2 rows above the header: Gala 2026; By Ana for Bo.",)

    def test_of_which_many_are_shown_in_part(self):
        table = self.read(*("x" * 100 for _ in range(5)), "Order number,Name,Email", "A1,Ana,ana@example.org")
        assert table.notices == (f"Skipped 5 rows above the header: {'; '.join(['x' * 60] * 3)}; and 2 more rows.",)

    def test_with_group_headings_are_skipped(self):
        table = self.read("Buyer,,Order,", "Name,Email,Order number,Total", "Ana,ana@example.org,A1,1")
        assert table.titles == ("Name", "Email", "Order number", "Total")

    def test_are_skipped_in_a_language_of_which_no_name_is_known(self):
        table = self.read("Rapport", "Commande;Acheteur;Courriel;Prix", "A1;Ana;ana@example.org;1")
        assert table.titles == ("Commande", "Acheteur", "Courriel", "Prix")
        assert self.read("Commande;Acheteur", "A1;Ana").notices == ()

    def test_data_that_looks_like_names_of_columns_is_no_header(self):
        table = self.read("Billet,Statut,Courriel,Prix", "Ticket,Paid,ana@example.org,1", "Ticket,Paid,,")
        assert table.titles == ("Billet", "Statut", "Courriel", "Prix")

    def test_30_rows_may_precede_it(self):
        header = "Order number,Name,Email"
        assert self.read(*["x"] * 29, header, "A1,Ana,ana@example.org").header_row == 30
        assert self.read(*["x"] * 30, header, "A1,Ana,ana@example.org").header_row == 1


@pytest.mark.parametrize("label", ["Total", "TOTALS:", "Grand total", "Sum", "Subtotal", " Total (USD) "])
def test_total_row_is_one_problem_that_says_so(label):
    table = read_table("sales.csv", f"name,email,quantity,total\nAna,a@b.org,1,2\n{label},,3,$1,\n".encode())
    assert table.row_problems == {3: "This row is a total, not a sale. Delete it from the file."}


@pytest.mark.parametrize("row", ["Total,a@b.org,1,2", "Total Wine,,1,2", "Ana,Total,1,2"])
def test_sale_with_the_word_total_is_no_total_row(row):
    assert read_table("sales.csv", f"name,email,quantity,total\n{row}\n".encode()).row_problems == {}


def test_invisible_characters_are_removed_from_names_of_columns_and_ends_of_cells():
    table = read_table("sales.csv", "ticket\u200b_type,no\u00adtes\n\ufeffTable\u200b,\u2060\n\u200b,\u00ad\n".encode())
    assert (table.header, table.titles) == (("ticket_type", "notes"), ("ticket_type", "notes"))
    assert table.records == ((2, ["Table", ""]),)


def test_column_names_match_in_any_case_and_with_spaces():
    assert read_table("sales.csv", b" Ticket Type ,PURCHASER-NAME\nTable,Ana\n").header == (
        "ticket_type",
        "purchaser_name",
    )


def test_older_encoding_is_refused():
    assert "CSV UTF-8" in get_refusal("ticket_type,purchaser_name\nTable,Zoë\n".encode("cp1252"))


@pytest.mark.parametrize("content", [b"", b"  \r\n\n", codecs.BOM_UTF8])
def test_empty_file_is_refused(content):
    assert get_refusal(content) == "This file is empty. Choose a file with a header and at least one row."


@pytest.mark.parametrize("content", [HEADER, HEADER + "\n", HEADER + "\n\n,,,\n"])
def test_header_without_rows_is_refused(content):
    assert get_refusal(content.encode()) == "This file has a header and no rows. Choose a file with at least one row."


def test_row_has_the_number_of_the_line_in_which_it_begins():
    table = read_table("sales.csv", b'\r\nticket_type,notes\nTable,"one\r\ntwo"\rCouple,three\n\nSeat,"4\n5"\nSeat,6\n')
    assert [(row, cells[1]) for row, cells in table.records] == [(3, "one\r\ntwo"), (5, "three"), (7, "4\n5"), (9, "6")]
    assert table.header_row == 2


def test_blank_records_are_skipped_and_keep_their_numbers():
    table = read_table("sales.csv", b"ticket_type,notes\n\nTable,x\n , \nCouple,y\n\n\n")
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
    assert len(read_table("sales.csv", b"ticket_type\n" + rows).records) == 50_000
    assert get_refusal(b"ticket_type\n" + rows + b"Table\n") == (
        "This file has 50,001 rows; an import takes at most 50,000. Split it."
    )


@pytest.mark.parametrize(
    "content", [b"\x00\x01\x02", b'"', b"\xff\xfe\x00", bytes(range(128)), b"{}", b"[[]]", b"PK\x03\x04", b",,,\n,x\n"]
)
def test_arbitrary_content_is_read_or_refused(content):
    for name in ("sales.csv", "sales.json", "sales.xlsx"):
        with suppress(InvalidInput):
            assert read_table(name, content).records


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-", "@SUM(A1)", " =x", "\t=x", "\rx", "＝1+1", "＋1", "－1", " ＠SUM(A1)"]
)
def test_formulas_are_escaped(text):
    content = to_csv(("message",), [(text,)])
    assert content.startswith(codecs.BOM_UTF8)
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))[1] == ["'" + text]


def test_other_text_and_numbers_are_written_unchanged():
    content = to_csv(("row", "message"), [(20, 'Zoë said "no", twice')])
    assert content.decode("utf-8-sig") == 'row,message\r\n20,"Zoë said ""no"", twice"\r\n'


def test_first_line_is_checked_before_it_is_split():
    assert get_refusal(b"," * 100_001).startswith("The first line of this file has more than 100,000 characters")
    assert get_refusal(b"a," * 500 + b"b\nx") == "This file has 501 columns; an import takes at most 500."
    assert get_refusal(b"a,b\n\n" + b"," * 1_000_001).startswith("Line 3 of this file has more than 1,000,000")


def test_cell_of_more_characters_than_in_excel_is_a_problem_of_its_row():
    table = read_table("sales.csv", b"a,b\nx," + b"y" * 32_767 + b"\nx," + b"y" * 32_768 + b"\n")
    assert table.row_problems == {3: "A cell of this row has more than 32,767 characters. Shorten it."}
    assert list(read_table("sales.csv", b"a\n" + b"y" * 900_000).row_problems) == [2]
    assert read_table("sales.csv", b"a," + b"b" * 1_000 + b"\nx,y\n").titles == ("a", "b" * 1_000)
    assert get_refusal(b"a," + b"b" * 1_001 + b"\nx,y\n").startswith(
        "The name of column 2 has more than 1,000 characters"
    )


def test_table_of_more_than_five_million_cells_is_refused():
    header = ",".join(f"c{number}" for number in range(500)).encode() + b"\n"
    assert len(read_table("sales.csv", header + (b"1," * 499 + b"1\n") * 10_000).records) == 10_000
    assert "more than 5,000,000 cells" in get_refusal(header + (b"1," * 499 + b"1\n") * 10_001)


def test_packed_rows_are_a_sequence():
    rows = read_table("sales.csv", "a,b\n1,é\n,\n2\n".encode()).records
    assert (len(rows), rows[0], rows[-1], rows[1:]) == (2, (2, ["1", "é"]), (4, ["2", ""]), ((4, ["2", ""]),))
    assert rows != ((2, ["1", "é"]),)
    with pytest.raises(IndexError):
        rows[2]
