"""Check the header of an import: missing, repeated and unknown columns. No database."""

from __future__ import annotations

from collections import Counter

from ticketing.file_reader.columns import KNOWN_COLUMNS, REQUIRED_COLUMNS
from ticketing.imports.rows import Problem, ValidationResult
from ticketing.imports.table import Table


def validate_mapped_header(header: tuple[str, ...], row: int) -> ValidationResult:
    """Report each required column that a mapping fills with neither a column of the file nor a constant."""
    message = "Choose which column of the file this is, or one value for all rows."
    return ValidationResult([Problem(row, column, message) for column in REQUIRED_COLUMNS if column not in header])


def validate_header(header: tuple[str, ...], row: int = 1) -> ValidationResult:
    """Report missing and repeated columns as problems; unknown columns give a warning and are ignored."""
    result = ValidationResult()
    for column in REQUIRED_COLUMNS:
        if column not in header:
            result.problems.append(Problem(row, column, "This column is missing. Add it to the header."))
    for column, count in Counter(header).items():
        if column in KNOWN_COLUMNS and count > 1:
            result.problems.append(Problem(row, column, f"This column appears {count} times. Keep one of them."))
        elif column and column not in KNOWN_COLUMNS:
            result.warnings.append(
                Problem(row, column, "This column is not part of an import and is ignored.", "column")
            )
    return result


def list_column_problems(table: Table) -> list[Problem]:
    """Return the problems of columns whose names can be neither shown nor stored, whether they are imported or not."""
    return [Problem(table.header_row, title, sentence) for title, sentence in table.column_problems.items()]
