"""Questions of several packages: list, create and change them, each in one transaction."""

from __future__ import annotations

from typing import Any

from tests.support import make
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.catalog import options, questions
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.questions import OptionEdit

MENU: dict[str, Any] = {"label": "Menu", "option_type": "multi_select", "choices": ["Fish", "Rice"]}


def list_questions(event, actor=OPERATOR, **which):
    with db.read_session() as session:
        return questions.list_page(session, actor, event.id, **which)[0]


def create(event, packages, actor=OPERATOR, **fields):
    draft = OptionDraft(**MENU | fields)
    return db.write(lambda s: questions.create(s, actor, event.id, [package.id for package in packages], draft))


def update(event, rows, actor=OPERATOR, **values):
    """Change options as they were when `rows` were read."""
    edits = [OptionEdit(row.id, row.version, values) for row in rows]
    return db.write(lambda s: questions.update(s, actor, event.id, edits))


def update_any(event, rows, **values):
    """Change options whatever their version is."""
    edits = [OptionEdit(row.id, None, values) for row in rows]
    return db.write(lambda s: questions.update(s, OPERATOR, event.id, edits))


def retire(event, rows, actor=OPERATOR, **versions):
    return db.write(lambda s: questions.retire(s, actor, event.id, {row.id: versions.get("seen") for row in rows}))


def ask_again(event, rows, actor=OPERATOR, **versions):
    return db.write(lambda s: questions.ask_again(s, actor, event.id, {row.id: versions.get("seen") for row in rows}))


def delete(event, rows, actor=OPERATOR, **versions):
    db.write(lambda s: questions.delete(s, actor, event.id, {row.id: versions.get("seen") for row in rows}))


def update_one(option, actor=OPERATOR, **values):
    db.write(lambda s: options.update(s, actor, option.package_id, option.id, values, seen_version=None))


def answer(event, package, option, value, **fields):
    return make.purchase(event, package, answers=[{"option_id": option.id, "value": value}], **fields).purchase


def fill(package, count=options.MAX_ACTIVE):
    return [make.option(package, label=f"Question {number}", is_required=False) for number in range(count)]
