"""The token of a check: signed, so that nothing is kept between a check and its import, on any of several servers."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, SignatureExpired

from api import cookies
from ticketing.actors import Actor
from ticketing.errors import Conflict, InvalidInput, NotAllowed

MAX_AGE_SECONDS = 3600
_SALT = "import check"
FIELD = "token"


class CheckOutdated(Conflict):
    """What was checked is not what is imported, or too long ago."""

    code = "check_outdated"
    field = FIELD


def create(actor: Actor, event_id: uuid.UUID, file_hash: str, mapping_hash: str) -> tuple[str, datetime]:
    """Return a token for this person, event, file and mapping, and the moment (UTC) at which it expires."""
    token = cookies.get_serializer(_SALT).dumps([str(actor.staff_id), str(event_id), file_hash, mapping_hash])
    return str(token), datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=MAX_AGE_SECONDS)


def validate(token: str, actor: Actor, event_id: uuid.UUID, file_hash: str) -> str:
    """Return the hash of the mapping that was checked.

    Raises InvalidInput (not a token of ours), NotAllowed (of another person), and CheckOutdated when it has expired or
    is one for another event or file.
    """
    try:
        person, event, checked_file, mapping_hash = cookies.get_serializer(_SALT).loads(token, max_age=MAX_AGE_SECONDS)
    except SignatureExpired as exc:
        raise CheckOutdated("This check is more than an hour old. Check the file again.") from exc
    except BadData as exc:
        raise InvalidInput({FIELD: "This is not the token of a check. Check the file first."}) from exc
    if person != str(actor.staff_id):
        raise NotAllowed("Another person checked this file. Check it again.")
    if event != str(event_id):
        raise CheckOutdated("This check is one for another event. Check the file again.")
    if checked_file != file_hash:
        raise CheckOutdated("This is not the file that was checked. Check it again.")
    return str(mapping_hash)


def validate_mapping(checked_hash: str, mapping_hash: str) -> None:
    """Raise CheckOutdated when the file would be read with another mapping than the one that was checked."""
    if checked_hash != mapping_hash:
        raise CheckOutdated(
            "The file would be read in another way than when it was checked: the mapping is another one, or packages "
            "changed. Check it again."
        )
