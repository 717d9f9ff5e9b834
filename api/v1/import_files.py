"""Endpoints that check a file of sales and import it. Nothing is kept in between: the check answers a signed token."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from api.errors import document_responses
from api.schemas import Caller, EventId
from api.v1 import import_mapping, import_tokens
from api.v1.import_answers import (
    CheckAnswer,
    ImportedAnswer,
    build_choices,
    build_findings,
    build_imported,
    build_sheets,
)
from api.v1.import_mapping import ImportMapping
from ticketing import db, imports
from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import packages
from ticketing.errors import InvalidInput
from ticketing.formatting import replace_control_characters
from ticketing.imports import choices, files, prefixes
from ticketing.imports.choices import MissingChoice, Source
from ticketing.imports.column_mapping import ColumnMapping
from ticketing.imports.options import ImportOptions
from ticketing.imports.readings import FileReadings
from ticketing.imports.table import Table
from ticketing.work_queue import MAX_WAITING, WorkQueue

router = APIRouter(prefix="/admin/events/{event_id}/tickets/imports", tags=["Imports"])
# One file at a time is in the memory of a server, until it is imported. It waits in threads of its own: one works,
# MAX_WAITING wait, and one more is refused.
QUEUE = WorkQueue("file", retry_after=30)
_LIMITER = CapacityLimiter(1 + MAX_WAITING + 1)
_MAX_FILES, _MAX_FIELDS, _MAX_MAPPING_BYTES = 2, 10, 1024 * 1024
_FILE_FIELD = {
    "type": "string",
    "format": "binary",
    "description": "A CSV, Excel or JSON file with at most 50,000 rows.",
}
_MAPPING_FIELD = {
    "type": "string",
    "contentMediaType": "application/json",
    "contentSchema": {"$ref": "#/components/schemas/ImportMapping"},
    "description": "How to read the file: an `ImportMapping` as JSON text.",
    "examples": ['{"columns": {"external_sale_id": ["Order #"]}, "time_zone": "America/New_York"}'],
}
_TOKEN_FIELD = {
    "type": "string",
    "description": "The token of the check of this file with this mapping, at most an hour old.",
    "examples": ["WyIwMWEyMDdiMi1iMDJkIiwiMDFhMiJd.aRw0XQ.k3ZC"],
}


def _describe_form(properties: dict[str, object], required: list[str]) -> dict[str, object]:
    schema = {"type": "object", "required": required, "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@dataclass(frozen=True)
class _Form:
    """What was sent; the file is on disk if it is large."""

    file: UploadFile
    mapping: ImportMapping
    token: str

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.file.filename or ""


@dataclass(frozen=True)
class _ReadFile:
    """A file with what it is read with. `sent` is that as it would be sent."""

    table: Table
    mapping: ColumnMapping | None
    source: Source
    missing: list[MissingChoice]
    sent: ImportMapping
    options: ImportOptions


@router.post(
    "/check",
    responses=document_responses(403, 404, 408, 413, 422),
    openapi_extra=_describe_form({"file": _FILE_FIELD, "mapping": _MAPPING_FIELD}, ["file"]),
)
async def check_import(request: Request, caller: Caller, event_id: EventId) -> CheckAnswer:
    """Check a file of sales by the rules of the Import page, and change nothing.

    The answer has every problem by row and column, what has to be chosen, what would be imported, and without either a
    token to import the same file with. 422 (`file`) when the file cannot be read, with a field such as
    `mapping.columns` when the mapping does not fit; 503 `queue_full` when four files are waiting already.
    """
    await _admit(caller, event_id)
    async with request.form(max_files=_MAX_FILES, max_fields=_MAX_FIELDS) as fields:
        form = await _read_form(fields, needs_token=False)
        return await to_thread.run_sync(_check, caller, event_id, form, limiter=_LIMITER)


@router.post(
    "",
    status_code=201,
    responses={
        **document_responses(403, 404, 408, 409, 413, 422),
        200: {"description": "There was nothing to store.", "model": ImportedAnswer},
    },
    openapi_extra=_describe_form(
        {"file": _FILE_FIELD, "mapping": _MAPPING_FIELD, "token": _TOKEN_FIELD}, ["file", "token"]
    ),
)
async def run_import(request: Request, response: Response, caller: Caller, event_id: EventId) -> ImportedAnswer:
    """Import a file that was checked: all of its sales that are not here yet, or none.

    Send the file and mapping of the check again with its token. Sent twice, the second request finds every sale here
    already and stores nothing (200). 409 `check_outdated` when file, mapping or event are not those of the check or it
    is over an hour old; 403 when another person checked; 409 `import_refused` with the problems when the event changed
    meanwhile. Sales of the same packages wait until the import is done, which for 50,000 rows takes up to a minute.
    """
    await _admit(caller, event_id)
    async with request.form(max_files=_MAX_FILES, max_fields=_MAX_FIELDS) as fields:
        form = await _read_form(fields, needs_token=True)
        answer = await to_thread.run_sync(_run, caller, event_id, form, limiter=_LIMITER)
    if answer.batch_id is None:
        response.status_code = 200
    return answer


async def _admit(caller: Actor, event_id: uuid.UUID) -> None:
    """Check the permission and the queue before up to 26 MB are received."""
    await run_in_threadpool(_check_permission, caller, event_id)
    QUEUE.check()


async def _read_form(form: FormData, *, needs_token: bool) -> _Form:
    counts = Counter(name for name, _ in form.multi_items())
    names = ("file", "mapping", "token") if needs_token else ("file", "mapping")
    problems = {name: "Send this field once." for name in names if counts[name] > 1}
    file, token = form.get("file"), form.get("token")
    if not isinstance(file, UploadFile):
        problems.setdefault("file", "Send the sales as a file in this field.")
    if needs_token and not (isinstance(token, str) and token):
        problems.setdefault("token", "Check the file first, and send the token of the answer.")
    if problems:
        raise InvalidInput(problems)
    assert isinstance(file, UploadFile)
    mapping = import_mapping.parse(await _read_text(form.get("mapping") or ""))
    return _Form(file, mapping, token if isinstance(token, str) else "")


async def _read_text(field: UploadFile | str) -> str | bytes:
    """Return a field that some programs send as a file, such as `curl -F mapping=@mapping.json`."""
    if isinstance(field, str):
        return field
    content = await field.read(_MAX_MAPPING_BYTES + 1)
    if len(content) > _MAX_MAPPING_BYTES:
        raise InvalidInput({import_mapping.FIELD: "Send at most 1 MB in this field."})
    return content


def _check_permission(caller: Actor, event_id: uuid.UUID) -> None:
    """Check the permission before the file is received; `imports.check` and `imports.run` check it again."""
    with db.read_session() as session:
        permissions.require(session, caller, "change", event_id)


def _check(caller: Actor, event_id: uuid.UUID, form: _Form) -> CheckAnswer:
    with QUEUE.slot():
        content = form.file.file.read()
        read, file_hash = _read(caller, event_id, form, content), _hash(content)
        with db.read_session() as session:
            checked = imports.check(session, caller, event_id, form.name, read.table, read.mapping, read.options)
    token = expires_at = None
    if not checked.problems and not read.missing and read.source != "proposed":
        token, expires_at = import_tokens.create(caller, event_id, file_hash, import_mapping.compute_hash(read.sent))
    return CheckAnswer.model_validate(
        build_findings(checked, read.mapping)
        | {
            "titles": list(map(replace_control_characters, read.table.titles)),
            "sheets": build_sheets(read.table.sheets),
            "notices": list(map(replace_control_characters, read.table.notices)),
            "mapping": read.sent,
            "mapping_source": read.source,
            "choices": build_choices(read.missing),
            "token": token,
            "expires_at": expires_at,
        }
    )


def _run(caller: Actor, event_id: uuid.UUID, form: _Form) -> ImportedAnswer:
    with QUEUE.slot():
        content = form.file.file.read()
        checked_mapping = import_tokens.validate(form.token, caller, event_id, _hash(content))
        read = _read(caller, event_id, form, content)
        del content  # up to 26 MB, for as long as the import takes
        import_tokens.validate_mapping(checked_mapping, import_mapping.compute_hash(read.sent))
        result = db.write(
            lambda session: imports.run(session, caller, event_id, form.name, read.table, read.mapping, read.options)
        )
    return build_imported(result, read.mapping)


def _read(caller: Actor, event_id: uuid.UUID, form: _Form, content: bytes) -> _ReadFile:
    """Read a file with what was sent, else with what the page would begin with."""
    mapping = form.mapping.get_mapping()
    table = files.read(form.name, content, sheet_names=form.mapping.sheets)
    with db.read_session() as session:
        names = packages.list_names(session, caller, event_id)
        saved = imports.find_saved_mapping(session, caller, event_id, table)
    source: Source = "sent"
    if mapping is None:
        mapping, source = choices.choose_mapping(table, saved, names)
    else:
        with import_mapping.naming_fields():
            choices.validate(mapping, table, names)
    readings = FileReadings(table)
    if mapping is not None:
        mapping = choices.settle(readings, choices.propose_statuses(readings, mapping), names)
    missing = choices.list_missing(readings, mapping, names) if mapping is not None else []
    missing += choices.list_undecided_columns(table, mapping)
    with db.read_session() as session:
        options = form.mapping.get_options(prefixes.propose_prefix(session, caller, event_id, table, mapping))
    sheets = [sheet.name for sheet in table.sheets if sheet.is_read]
    return _ReadFile(table, mapping, source, missing, import_mapping.build(mapping, sheets, options), options)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
