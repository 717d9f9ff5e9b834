"""Check and import the file of another program under a column mapping."""

from sqlalchemy import select

from tests.support import seller_files
from tests.support.sales_file import read_table
from ticketing import db, imports
from ticketing.actors import OPERATOR
from ticketing.imports import column_mapping
from ticketing.models import Package

POSITIONS = seller_files.build_rows(
    seller_files.PRETIX_POSITIONS,
    seller_files.pretix_position("ABCDE", 1, "Ticket", "50.00", "Ana Ruiz", **{"Attendee email": "ana@example.org"}),
    seller_files.pretix_position("ABCDE", 2, "Ticket", "50.00", ""),
    seller_files.pretix_position("ABCDE", 3, "Ticket", "45.00", "Bo Li"),
    seller_files.pretix_position("FGHIJ", 1, "Table for ten", "1000.00", "Cy Poe"),
    seller_files.pretix_position("FGHIJ", 2, "Table for ten", "1000.00", "Di Orr"),
    seller_files.pretix_position("FGHIJ", 3, "Ticket", "50.00", "Ed Fox"),
    seller_files.pretix_position("KLMNO", 1, "Ticket", "50.00", Status="Canceled"),
)


def propose_mapping(event, content):
    with db.read_session() as session:
        names = {
            each.id: each.name
            for each in session.scalars(
                select(Package).where(Package.event_id == event.id).order_by(Package.display_order)
            )
        }
    return column_mapping.propose(read_table("export", content), names)


def check(event, content, mapping, actor=OPERATOR):
    with db.read_session() as session:
        return imports.check(session, actor, event.id, "export", read_table("export", content), mapping)


def run(event, content, mapping, actor=OPERATOR):
    table = read_table("export", content)
    return db.write(lambda session: imports.run(session, actor, event.id, "export", table, mapping))
