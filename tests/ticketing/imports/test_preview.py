"""The preview of a file under its mapping, the list of imports, and example files."""

from decimal import Decimal

import pytest
from sqlalchemy import func, select

from tests.support import make, seller_files
from tests.support.mapped_import import POSITIONS, check, propose_mapping, run
from tests.support.sales_file import read_table, sale, sales_csv
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, NotAllowed, NotFound
from ticketing.imports import batches
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.models import ImportBatch

pytestmark = pytest.mark.system  # each file is read in a process of its own


def test_preview_has_the_first_sales_with_all_of_their_rows(event):
    make.package(event, name="Ticket", price="50.00")
    make.package(event, name="Table for ten", price="1000.00")
    spread = [POSITIONS[0], POSITIONS[1], POSITIONS[4], POSITIONS[2], POSITIONS[5], POSITIONS[3], POSITIONS[7]]
    content = seller_files.to_csv(spread)
    mapping = propose_mapping(event, content)
    with db.read_session() as session:
        previews = imports.preview(session, OPERATOR, event.id, read_table("export", content), mapping, max_sales=2)
    assert [(each.row, each.values["quantity"], each.values["total_amount"]) for each in previews] == [
        (2, "3", "145.00"),
        (3, "2", "2000.00"),
    ]
    assert previews[0].values["purchase_date"] == "2026-10-01T18:30:00-04:00"
    assert previews[0].problems == {}


def test_preview_keeps_invalid_cells_with_their_problems(event):
    make.package(event, name="Ticket")
    content = seller_files.to_csv([POSITIONS[0], ["gala", "A", "1", "Gone", "x", *POSITIONS[1][5:]]])
    with db.read_session() as session:
        [preview] = imports.preview(
            session, OPERATOR, event.id, read_table("export", content), propose_mapping(event, content)
        )
    assert (preview.values["payment_status"], preview.values["purchaser_email"]) == ("Gone", "x")
    assert set(preview.problems) == {"payment_status", "purchaser_email"}


def test_imports_are_listed_with_the_latest_first(event):
    ana, package = make.staff(event=event, name="Ana Ruiz"), make.package(event)
    contents = [sales_csv(sale(package), sale(package)), sales_csv(sale(package)), sales_csv(sale(package))]
    done = [run(event, content, None, ana).batch_id for content in contents]

    def page(number, actor=ana):
        with db.read_session() as session:
            return batches.list_batches(session, actor, event.id, page=number, per_page=2)

    listed, total = page(1)
    assert ([batch.id for batch in listed], total) == ([done[2], done[1]], 3)
    [first], _ = page(2)
    assert (first.imported_by, first.file_name, first.rows_imported, first.rows_skipped) == ("Ana Ruiz", "export", 2, 0)
    assert page(1, make.staff(role="viewer", event=event))[1] == 3
    with pytest.raises(NotFound):
        page(1, make.staff(role="coordinator"))


def test_viewer_gets_neither_preview_nor_saved_mapping(event):
    viewer, content = make.staff(role="viewer", event=event), seller_files.to_csv(POSITIONS)
    table = read_table("export", content)
    with db.read_session() as session:
        for ask in (
            lambda: imports.preview(session, viewer, event.id, table, ColumnMapping()),
            lambda: imports.find_saved_mapping(session, viewer, event.id, table),
        ):
            with pytest.raises(NotAllowed):
                ask()


@pytest.mark.parametrize("kind", ["csv", "excel", "json"])
def test_examples_can_be_imported_into_their_event(event, kind):
    for name in ("Couple", "+1 guest", "=Table"):
        make.package(event, name=name, price="12.50")
    with db.read_session() as session:
        example = getattr(imports, f"example_{kind}")(session, OPERATOR, event.id)
    checked = check(event, example, None)
    assert (checked.rows, checked.to_import, checked.problems, checked.warnings) == (3, 3, (), ())
    assert checked.revenue == Decimal("37.50")


def test_unreadable_file_is_refused_under_a_mapping_too(event):
    with pytest.raises(InvalidInput):
        run(event, b"", ColumnMapping())
    with db.read_session() as session:
        batches = select(func.count()).select_from(ImportBatch).where(ImportBatch.event_id == event.id)
        assert session.scalar(batches) == 0
