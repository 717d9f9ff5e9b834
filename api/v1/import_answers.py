"""What the check and the import of a file answer."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from api.errors import MAX_LISTED_ROWS, RowProblem, list_row_problems
from api.schemas import Answer, Money
from api.v1.import_mapping import ImportMapping
from ticketing.imports import CheckResult, ImportResult
from ticketing.imports.choices import MissingChoice, Source
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.imports.comparison import StatusChange
from ticketing.imports.table import Sheet, SheetRow


class SheetAnswer(BaseModel):
    """A sheet of a workbook that has rows below its header."""

    name: str = Field(description="Name of the sheet.", examples=["November"])
    rows: int = Field(description="Number of its rows.", examples=[412])
    is_hidden: bool = Field(description="Whether the workbook hides it.", examples=[False])
    is_read: bool = Field(description="Whether its rows were checked.", examples=[True])


class ChoiceAnswer(BaseModel):
    """What has to be chosen in `mapping` before the file can be imported."""

    field: str = Field(description="Field of the mapping.", examples=["mapping.date_order"])
    message: str = Field(
        description="What to do, as a sentence for people.", examples=["These dates can be read both ways. Choose one."]
    )
    example: str = Field(description="A cell that can be read in several ways, or empty.", examples=["03/04/2026"])
    options: list[str] = Field(
        description="The values to choose from; empty when they are not a few.", examples=[["month_first", "day_first"]]
    )
    words: list[str] = Field(
        description="The names of packages or words for a status in the file that have no choice yet.",
        examples=[["Table of 10"]],
    )


class FiguresAnswer(Answer):
    """Sums over the sales that would be stored. An order with lines of several kinds counts once in each."""

    label: str = Field(description="The status or package; empty for all sales.", examples=["completed"])
    orders: int = Field(description="Number of orders.", examples=[388])
    packages: int = Field(description="Number of packages.", examples=[420])
    seats: int = Field(description="Number of seats.", examples=[1130])
    total: Money = Field(description="What was paid, in USD.", examples=["51250.00"])
    discount: Money = Field(description="Discounts in USD.", examples=["250.00"])
    fee: Money = Field(description="Fees in USD.", examples=["1043.20"])


class SummaryOfImport(Answer):
    """Figures to compare with the seller's own: `rows` is `rows_imported` and all of `rows_left_out`."""

    rows: int = Field(description="Number of rows of the file.", examples=[415])
    rows_imported: int = Field(description="Number of rows that would be stored.", examples=[412])
    rows_left_out: dict[str, int] = Field(
        description="Number of rows that would not, by reason: here, voided, status, refund_row, problem.",
        examples=[{"here": 3}],
    )
    all_sales: FiguresAnswer = Field(description="All sales that would be stored.")
    by_status: list[FiguresAnswer] = Field(description="The same by status.")
    by_package: list[FiguresAnswer] = Field(description="The same by package.")
    earliest: datetime | None = Field(
        description="When the first of the sales was made, in UTC.", examples=["2026-08-01T14:00:00Z"]
    )
    latest: datetime | None = Field(
        description="When the last of the sales was made, in UTC.", examples=["2026-10-02T21:15:00Z"]
    )


class StatusChangeAnswer(BaseModel):
    """A sale that is here, whose payment went on at the seller."""

    row: int = Field(description="Number of the row, as the spreadsheet program shows it.", examples=[20])
    external_sale_id: str = Field(description="The seller's order number.", examples=["A-1042"])
    purchase_id: uuid.UUID = Field(
        description="Id of the purchase here.", examples=["01a207b5-2f6b-7c18-9e41-d3a85b0c7f24"]
    )
    current: str = Field(description="Its status here.", examples=["completed"])
    status: str = Field(description="Its status at the seller.", examples=["refunded"])
    revenue: Money = Field(description="What the change adds to the revenue, in USD.", examples=["-100.00"])
    packages: int = Field(description="How many packages the change puts back on sale.", examples=[1])


class CheckAnswer(BaseModel):
    """What an import of a file would do. Nothing was changed.

    Of problems, warnings, voided sales and status changes the first 1,000 each are listed.
    """

    file_name: str = Field(description="Name of the file.", examples=["orders-2026.csv"])
    titles: list[str] = Field(description="Titles of the columns of the file.", examples=[["Order #", "Created (UTC)"]])
    sheets: list[SheetAnswer] = Field(description="Sheets of a workbook that have rows.")
    notices: list[str] = Field(
        description="What was left out of the file or read in a way that may surprise, in sentences.",
        examples=[["2 rows above the header are skipped: Gala 2026."]],
    )
    mapping: ImportMapping = Field(description="What the file was read with, to correct and to send back.")
    mapping_source: Source = Field(
        description="Where its columns come from: `sent`, `saved` with the last import from a file with these "
        "columns, `own_columns` when the file has ours, or `proposed`. What is proposed has to be sent back before it "
        "is imported.",
        examples=["sent"],
    )
    choices: list[ChoiceAnswer] = Field(description="What has to be chosen first.")
    rows: int = Field(description="Number of rows of the file.", examples=[415])
    to_import: int = Field(description="Number of sales that would be stored.", examples=[412])
    to_skip: int = Field(description="Number of sales that are here already.", examples=[3])
    packages: int = Field(description="Number of packages that the sales would add.", examples=[420])
    revenue: Money = Field(description="Revenue in USD that the sales would add.", examples=["51250.00"])
    summary: SummaryOfImport = Field(description="What would be stored, to compare with the seller's figures.")
    problem_count: int = Field(description="Number of problems; with any, nothing can be imported.", examples=[0])
    problems: list[RowProblem] = Field(description="What has to be corrected, in the order of the rows.")
    warning_count: int = Field(description="Number of warnings.", examples=[3])
    warnings: list[RowProblem] = Field(description="What is imported unchanged or skipped.")
    voided_count: int = Field(description="Number of sales that were voided here and are left out.", examples=[0])
    voided: list[RowProblem] = Field(description="Sales that were voided here.")
    status_change_count: int = Field(
        description="Number of sales here whose payment went on at the seller.", examples=[1]
    )
    status_changes: list[StatusChangeAnswer] = Field(
        description="These sales. Their payment is moved on only with `changes_statuses` in the mapping."
    )
    other_sales: int = Field(
        description="Number of rows whose order number is here for another sale. When it is another seller's, send "
        "`id_prefix` in the mapping.",
        examples=[0],
    )
    other_reports: list[str] = Field(
        description="Names of imported files with other columns that brought the same orders.",
        examples=[["positions.csv"]],
    )
    token: str | None = Field(
        description="Send it with the same file and mapping to import. Null with problems, with open choices and with "
        "a proposed mapping.",
        examples=["WyIwMWEyMDdiMi1iMDJkIiwiMDFhMiJd.aRw0XQ.k3ZC"],
    )
    expires_at: datetime | None = Field(
        description="When the token expires, an hour after the check, in UTC.", examples=["2026-10-03T14:42:00Z"]
    )


class ImportedAnswer(BaseModel):
    """What an import stored. Of the warnings the first 1,000 are listed."""

    batch_id: uuid.UUID | None = Field(
        description="Id of the import; null when there was nothing to store.",
        examples=["01a207b6-9a41-7d2c-8f30-4b1e6c7d8a90"],
    )
    rows_imported: int = Field(description="Number of sales that were stored.", examples=[412])
    rows_skipped: int = Field(description="Number of sales that were here already.", examples=[3])
    rows_voided: int = Field(description="Number of sales that were voided here and left out.", examples=[0])
    statuses_changed: int = Field(
        description="Number of sales that were here already and whose payment was moved on.", examples=[0]
    )
    warning_count: int = Field(description="Number of warnings.", examples=[3])
    warnings: list[RowProblem] = Field(description="What was imported unchanged or skipped.")


def build_sheets(sheets: Sequence[Sheet]) -> list[SheetAnswer]:
    return [
        SheetAnswer(name=each.name, rows=each.rows, is_hidden=each.is_hidden, is_read=each.is_read) for each in sheets
    ]


def build_choices(missing: Sequence[MissingChoice]) -> list[ChoiceAnswer]:
    return [
        ChoiceAnswer(
            field=f"mapping.{each.field}",
            message=each.message,
            example=each.example,
            options=list(each.options),
            words=list(each.words),
        )
        for each in missing
    ]


def build_findings(checked: CheckResult, mapping: ColumnMapping | None) -> dict[str, object]:
    """Return the counts and lists of a check as fields of CheckAnswer."""
    return {
        "file_name": checked.file_name,
        "rows": checked.rows,
        "to_import": checked.to_import,
        "to_skip": checked.to_skip,
        "packages": checked.packages,
        "revenue": checked.revenue,
        "summary": SummaryOfImport.model_validate(checked.summary),
        "problem_count": len(checked.problems),
        "problems": list_row_problems(checked.problems, mapping),
        "warning_count": len(checked.warnings),
        "warnings": list_row_problems(checked.warnings, mapping),
        "voided_count": len(checked.voided),
        "voided": list_row_problems(checked.voided, mapping),
        "status_change_count": len(checked.status_changes),
        "status_changes": list(map(_build_status_change, checked.status_changes[:MAX_LISTED_ROWS])),
        "other_sales": checked.other_sales,
        "other_reports": list(checked.other_reports),
    }


def _build_status_change(change: StatusChange) -> StatusChangeAnswer:
    names = [name for name in StatusChangeAnswer.model_fields if name != "row"]
    row = change.row.row if isinstance(change.row, SheetRow) else change.row
    return StatusChangeAnswer(row=row, **{name: getattr(change, name) for name in names})


def build_imported(result: ImportResult, mapping: ColumnMapping | None) -> ImportedAnswer:
    return ImportedAnswer(
        batch_id=result.batch_id,
        rows_imported=result.rows_imported,
        rows_skipped=result.rows_skipped,
        rows_voided=result.rows_voided,
        statuses_changed=result.statuses_changed,
        warning_count=len(result.warnings),
        warnings=list_row_problems(result.warnings, mapping),
    )
