"""Endpoints for the questions of an event: the options that ask the same, over all packages."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.errors import document_responses
from api.schemas import (
    PER_PAGE,
    Answer,
    Caller,
    EventId,
    Page,
    PageNumber,
    SeenVersion,
    SentFields,
    create_change_model,
)
from api.v1.options import OptionAnswer, to_page
from ticketing import db
from ticketing.catalog import questions
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.questions import OptionEdit, Question

router = APIRouter(prefix="/admin/events/{event_id}/tickets/questions", tags=["Questions"])
MAX_PACKAGES = 1_000
OPTION_ID_EXAMPLE, PACKAGE_ID_EXAMPLE = "01a207b4-0a31-7c52-b1d7-93e0a6c58f10", "01a207b3-5c11-7e40-8a2f-6f0d2f1c9b77"

Answered = Annotated[int, Field(description="Completed and pending purchases with an answer.", examples=[148])]
ByAnswer = Annotated[
    dict[str, int],
    Field(
        description="How often each was given: `yes` and `no`, or the choices, also removed ones. Empty for text.",
        examples=[{"Beef": 90, "Chicken": 41, "Vegan": 17}],
    ),
]


class QuestionOption(Answer):
    """The option of one package that asks the question."""

    id: Annotated[uuid.UUID, Field(description="Id of the option.", examples=[OPTION_ID_EXAMPLE])]
    package_id: Annotated[uuid.UUID, Field(description="Id of the package.", examples=[PACKAGE_ID_EXAMPLE])]
    package_name: Annotated[str, Field(description="Name of the package.", examples=["Table of Ten"])]
    is_required: Annotated[bool, Field(description="Whether a purchase must answer the question.", examples=[True])]
    is_retired: Annotated[bool, Field(description="Whether new purchases no longer ask it.", examples=[False])]
    answered: Answered
    by_answer: ByAnswer
    version: Annotated[int, Field(description="Version to send with a change of the option.", examples=[1])]


class QuestionAnswer(Answer):
    """Options that ask the same: equal wording (without regard to case and spaces), type and choices."""

    label: Annotated[str, Field(description="The question.", examples=["Dietary restriction?"])]
    option_type: Annotated[
        Literal["boolean", "single_select", "multi_select", "text_input"],
        Field(
            description="Yes or no, one of `choices`, one or more of `choices`, or free text.",
            examples=["single_select"],
        ),
    ]
    choices: Annotated[
        list[str] | None,
        Field(description="The choices in display order, else null.", examples=[["Beef", "Chicken", "Vegan"]]),
    ]
    answered: Answered
    by_answer: ByAnswer
    options: Annotated[
        list[QuestionOption], Field(description="One for each package, in display order, also those no longer asked.")
    ]


class QuestionDraft(OptionDraft):
    """A new option for several packages."""

    package_ids: Annotated[
        list[uuid.UUID],
        Field(
            min_length=1,
            max_length=MAX_PACKAGES,
            description="The packages that ask it.",
            examples=[[PACKAGE_ID_EXAMPLE]],
        ),
    ]


class SeenOption(BaseModel):
    """An option, and the version that it was read at."""

    id: Annotated[uuid.UUID, Field(description="Id of the option.", examples=[OPTION_ID_EXAMPLE])]
    version: SeenVersion = None


SeenOptions = Annotated[
    list[SeenOption],
    Field(
        min_length=1,
        max_length=MAX_PACKAGES,
        description="Options that ask the same question.",
        examples=[[{"id": OPTION_ID_EXAMPLE, "version": 4}]],
    ),
]


class QuestionOptions(BaseModel):
    """The options of a question to change."""

    options: SeenOptions

    @property
    def seen_versions(self) -> dict[uuid.UUID, int | None]:
        return {each.id: each.version for each in self.options}


class QuestionChange(create_change_model(OptionDraft, SentFields)):  # type: ignore[misc]
    """The fields to change, and the options in which they change."""

    options: SeenOptions


def _to_response(question: Question) -> QuestionAnswer:
    first = question.first
    return QuestionAnswer(
        label=first.label,
        option_type=first.option_type,
        choices=first.choices,
        answered=question.answered,
        by_answer=question.by_answer,
        options=[
            QuestionOption(
                id=tally.option.id,
                package_id=tally.option.package_id,
                package_name=tally.package_name,
                is_required=tally.option.is_required,
                is_retired=not tally.is_active,
                answered=tally.answered,
                by_answer=dict(tally.by_answer),
                version=tally.option.version,
            )
            for tally in question.tallies
        ],
    )


@router.get("", responses=document_responses(404, 422))
def list_questions(caller: Caller, event_id: EventId, page: PageNumber = 1) -> Page[QuestionAnswer]:
    """List the event's questions with their packages and answers, those that are no longer asked last."""
    with db.read_session() as session:
        rows, total = questions.list_page(session, caller, event_id, page=page, per_page=PER_PAGE)
    return Page(items=[_to_response(row) for row in rows], total=total, page=page)


@router.post("", status_code=201, responses=document_responses(403, 404, 409, 422))
def create_question(caller: Caller, event_id: EventId, draft: QuestionDraft) -> Page[OptionAnswer]:
    """Add the question to several packages, at the end of each one's options: to all or to none.

    409 `several_refused` with every package that has 4 active options already, or asks the same.
    """
    option = OptionDraft(**draft.model_dump(exclude={"package_ids"}))
    return to_page(db.write(lambda session: questions.create(session, caller, event_id, draft.package_ids, option)))


@router.patch("", responses=document_responses(403, 404, 409, 422))
def change_question(caller: Caller, event_id: EventId, change: QuestionChange) -> Page[OptionAnswer]:
    """Change the fields that are sent in several options that ask the same: in all or in none.

    Stored answers stay as they are. 409 `several_refused` with every package whose option was changed since its
    version, does not ask the same as the first one, or has answers that forbid another type.
    """
    values = {field: value for field, value in change.sent_fields.items() if field != "options"}
    edits = [OptionEdit(each.id, each.version, values) for each in change.options]
    return to_page(db.write(lambda session: questions.update(session, caller, event_id, edits)))


@router.post("/retire", responses=document_responses(403, 404, 409, 422))
def retire_question(caller: Caller, event_id: EventId, asked: QuestionOptions) -> Page[OptionAnswer]:
    """Retire several options that ask the same, all or none: new purchases no longer ask them, their answers stay.

    409 `several_refused` with every package whose option was changed since its version, or asks something else.
    """
    return to_page(db.write(lambda session: questions.retire(session, caller, event_id, asked.seen_versions)))


@router.post("/ask-again", responses=document_responses(403, 404, 409, 422))
def ask_question_again(caller: Caller, event_id: EventId, asked: QuestionOptions) -> Page[OptionAnswer]:
    """Ask several retired options again that ask the same, all or none.

    409 `several_refused` as for `/retire`, and with every package that has 4 active options already.
    """
    return to_page(db.write(lambda session: questions.ask_again(session, caller, event_id, asked.seen_versions)))


@router.post("/delete", status_code=204, responses=document_responses(403, 404, 409, 422))
def delete_question(caller: Caller, event_id: EventId, asked: QuestionOptions) -> None:
    """Delete several options that ask the same and have no answers: all or none.

    409 `several_refused` with every package whose option has answers, was changed since, or asks something else.
    """
    db.write(lambda session: questions.delete(session, caller, event_id, asked.seen_versions))
