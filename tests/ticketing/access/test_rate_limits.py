"""Rate limits: both sides of each limit, what is counted together, and what is not counted."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.support import make
from tests.support.rate_limits import shift_moments
from ticketing import db
from ticketing.access import permissions, rate_limits
from ticketing.access.rate_limits import PACKAGE_CREATIONS, PROMO_CODE_REFUSALS, Limit
from ticketing.actors import OPERATOR
from ticketing.catalog import copying, packages, promo_code_check
from ticketing.errors import DuplicateName, NotFound, RateLimited
from ticketing.models import Package, RateLimit

THREE_PER_MINUTE = Limit("for_tests", 3, timedelta(minutes=1), "That was often.")


@pytest.fixture
def caller():
    return make.unique("caller")


def consume(caller, limit=THREE_PER_MINUTE):
    return db.write(lambda s: rate_limits.consume(s, limit, caller))


def count_moments(caller, limit=THREE_PER_MINUTE):
    with db.read_session() as session:
        row = session.get(RateLimit, (limit.kind, str(caller)))
        return 0 if row is None else len(row.moments)


def get_refusal(work):
    with pytest.raises(RateLimited) as refusal:
        work()
    return refusal.value


def require_capacity(caller):
    with db.read_session() as session:
        rate_limits.require_capacity(session, THREE_PER_MINUTE, caller)


class TestWindow:
    def test_limit_is_reached_and_refused_use_is_not_counted(self, caller):
        for _ in range(3):
            require_capacity(caller)
            consume(caller)
        refusal = get_refusal(lambda: consume(caller))
        assert 50 <= refusal.retry_after <= 60
        assert str(refusal) == f"That was often. Try again in {refusal.retry_after} seconds."
        assert 50 <= get_refusal(lambda: require_capacity(caller)).retry_after <= refusal.retry_after
        assert count_moments(caller) == 3

    def test_window_slides(self, caller):
        consume(caller)
        shift_moments(30, caller)
        consume(caller)
        consume(caller)
        shift_moments(20, caller)
        assert 1 <= get_refusal(lambda: consume(caller)).retry_after <= 10
        shift_moments(10, caller)
        require_capacity(caller)
        consume(caller)
        assert 20 <= get_refusal(lambda: consume(caller)).retry_after <= 30

    def test_moments_outside_window_are_deleted(self, caller):
        for _ in range(3):
            consume(caller)
        shift_moments(60, caller)
        consume(caller)
        assert count_moments(caller) == 1

    def test_callers_and_kinds_are_counted_separately(self, caller):
        for _ in range(3):
            consume(caller)
        consume(make.unique("other"))
        consume(caller, Limit("another_kind", 1, timedelta(minutes=1), ""))
        get_refusal(lambda: consume(caller))

    def test_rolled_back_use_is_not_counted(self, caller):
        def work(session):
            rate_limits.consume(session, THREE_PER_MINUTE, caller)
            raise NotFound("package")

        for _ in range(4):
            with pytest.raises(NotFound):
                db.write(work)
        assert count_moments(caller) == 0

    def test_reset_forgets_count(self, caller):
        for _ in range(3):
            consume(caller)
        db.write(lambda s: rate_limits.reset(s, THREE_PER_MINUTE, caller))
        require_capacity(caller)
        consume(caller)

    def test_caller_none_is_not_limited(self):
        for _ in range(4):
            consume(None)
            require_capacity(None)

    def test_long_expired_rows_are_deleted_for_new_caller(self, caller):
        kind = Limit(make.unique("kind"), 3, timedelta(minutes=1), "")
        gone, lately = make.unique("gone"), make.unique("lately")
        consume(gone, kind)
        consume(lately, kind)
        shift_moments(601, gone)
        shift_moments(599, lately)
        consume(caller, kind)
        assert [count_moments(each, kind) for each in (gone, lately, caller)] == [0, 1, 1]


class TestPackageCreations:
    @pytest.fixture
    def person(self, event):
        return make.staff(event=event)

    @pytest.fixture
    def ten(self, event, person):
        return [make.package(event, person) for _ in range(10)]

    def count_packages(self, event):
        with db.read_session() as session:
            return session.scalar(select(func.count()).where(Package.event_id == event.id))

    def test_eleventh_in_a_minute_is_refused(self, event, person, ten):
        refusal = get_refusal(lambda: make.package(event, person))
        assert str(refusal).startswith("You made 10 packages within a minute, so this one was not saved.")
        assert 50 <= refusal.retry_after <= 60
        assert self.count_packages(event) == len(ten)

    def test_next_is_allowed_a_minute_after_first(self, event, person, ten):
        shift_moments(60, person.staff_id)
        make.package(event, person)
        assert self.count_packages(event) == 11

    def test_limit_is_per_person_not_per_event(self, event, person, ten):
        elsewhere, colleague = make.event(), make.staff(event=event)
        make.assign(person, elsewhere)
        get_refusal(lambda: make.package(elsewhere, person))
        make.package(event, colleague)

    def test_tokens_and_pages_of_a_person_are_counted_together(self, event, person):
        actors = [person, *(get_token_actor(make.token(person, name)) for name in ("One", "Two"))]
        for number in range(10):
            make.package(event, actors[number % 3])
        for actor in actors:
            get_refusal(lambda actor=actor: make.package(event, actor))

    def test_refused_packages_are_not_counted(self, event, person):
        make.package(event, name="Table")
        for _ in range(11):
            with pytest.raises(DuplicateName):
                make.package(event, person, name="table")
        assert count_moments(person.staff_id, PACKAGE_CREATIONS) == 0
        make.package(event, person)
        assert count_moments(person.staff_id, PACKAGE_CREATIONS) == 1

    def test_copies_are_neither_counted_nor_refused(self, event, person, ten):
        for _ in range(3):
            db.write(lambda s: copying.copy_package(s, person, event.id, ten[0].id))
        assert self.count_packages(event) == 13
        assert count_moments(person.staff_id, PACKAGE_CREATIONS) == 10

    def test_operator_is_not_limited(self, event):
        for _ in range(11):
            make.package(event, OPERATOR)

    def test_bulk_created_packages_are_not_counted(self, event, person):
        for _ in range(11):
            db.write(lambda s: packages.create_without_rate_limit(s, person, event.id, make.package_draft()))
        assert count_moments(person.staff_id, PACKAGE_CREATIONS) == 0


class TestPromoCodeChecks:
    @pytest.fixture
    def person(self, event):
        return make.staff(role="viewer", event=event)

    @pytest.fixture
    def package(self, event):
        return make.package(event)

    @pytest.fixture
    def check_code(self, event, package):
        return lambda actor, code="NOSUCH": db.write(
            lambda s: promo_code_check.dry_run(s, actor, event.id, code, package_id=package.id, quantity=1)
        )

    def test_eleventh_refused_code_is_not_checked(self, person, check_code):
        for _ in range(10):
            assert check_code(person).reason == "unknown"
        refusal = get_refusal(lambda: check_code(person))
        assert str(refusal).startswith("You tried 10 promo codes that do not apply within a minute")
        assert 50 <= refusal.retry_after <= 60
        assert count_moments(person.staff_id, PROMO_CODE_REFUSALS) == 10

    def test_applicable_codes_are_not_counted(self, event, person, check_code):
        code = make.promo_code(event).code
        for _ in range(9):
            check_code(person)
        for _ in range(11):
            assert check_code(person, code).reason is None
        assert check_code(person).reason == "unknown"
        get_refusal(lambda: check_code(person))

    def test_over_limit_applicable_code_gets_same_refusal(self, event, person, check_code):
        code = make.promo_code(event).code
        for _ in range(10):
            check_code(person)
        assert (
            str(get_refusal(lambda: check_code(person, code)))[:60] == str(get_refusal(lambda: check_code(person)))[:60]
        )
        shift_moments(60, person.staff_id)
        assert check_code(person, code).reason is None

    @pytest.mark.parametrize("fields", [{"is_active": False}, {"expires_at": "2026-01-01T00:00"}])
    def test_every_refusing_rule_is_counted(self, event, person, check_code, fields):
        code = make.promo_code(event, **fields).code
        check_code(person, code)
        assert count_moments(person.staff_id, PROMO_CODE_REFUSALS) == 1

    def test_limit_of_codes_is_per_person_over_tokens(self, event, person, check_code):
        one, two = (get_token_actor(make.token(person, name)) for name in ("One", "Two"))
        for _ in range(5):
            check_code(one)
            check_code(two)
        for actor in (one, two, person):
            get_refusal(lambda actor=actor: check_code(actor))
        assert check_code(make.staff(event=event)).reason == "unknown"

    def test_unknown_package_is_not_counted(self, event, person):
        with pytest.raises(NotFound):
            db.write(
                lambda s: promo_code_check.dry_run(s, person, event.id, "NOSUCH", package_id=uuid.uuid4(), quantity=1)
            )
        assert count_moments(person.staff_id, PROMO_CODE_REFUSALS) == 0


def get_token_actor(secret):
    with db.read_session() as session:
        actor = permissions.find_token_actor(session, secret)
    assert actor.token_id is not None
    return actor
