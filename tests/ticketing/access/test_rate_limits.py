"""How often is too often: both sides of each limit, who counts together, and what is not counted."""

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


class TestTheWindow:
    def test_the_most_pass_and_the_next_is_refused_and_not_counted(self, caller):
        for _ in range(3):
            require_capacity(caller)
            consume(caller)
        refusal = get_refusal(lambda: consume(caller))
        assert 50 <= refusal.retry_after <= 60
        assert str(refusal) == f"That was often. Try again in {refusal.retry_after} seconds."
        assert 50 <= get_refusal(lambda: require_capacity(caller)).retry_after <= refusal.retry_after
        assert count_moments(caller) == 3

    def test_it_moves_one_is_free_when_the_oldest_is_a_minute_ago_and_not_before(self, caller):
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

    def test_what_is_out_of_the_window_is_not_kept(self, caller):
        for _ in range(3):
            consume(caller)
        shift_moments(60, caller)
        consume(caller)
        assert count_moments(caller) == 1

    def test_callers_and_kinds_are_counted_apart(self, caller):
        for _ in range(3):
            consume(caller)
        consume(make.unique("other"))
        consume(caller, Limit("another_kind", 1, timedelta(minutes=1), ""))
        get_refusal(lambda: consume(caller))

    def test_nothing_is_counted_when_the_transaction_is_given_up(self, caller):
        def work(session):
            rate_limits.consume(session, THREE_PER_MINUTE, caller)
            raise NotFound("package")

        for _ in range(4):
            with pytest.raises(NotFound):
                db.write(work)
        assert count_moments(caller) == 0

    def test_forgetting_starts_from_nothing(self, caller):
        for _ in range(3):
            consume(caller)
        db.write(lambda s: rate_limits.reset(s, THREE_PER_MINUTE, caller))
        require_capacity(caller)
        consume(caller)

    def test_nobody_is_not_limited(self):
        for _ in range(4):
            consume(None)
            require_capacity(None)

    def test_callers_who_never_came_back_are_forgotten_once_somebody_new_comes(self, caller):
        kind = Limit(make.unique("kind"), 3, timedelta(minutes=1), "")
        gone, lately = make.unique("gone"), make.unique("lately")
        consume(gone, kind)
        consume(lately, kind)
        shift_moments(601, gone)
        shift_moments(599, lately)
        consume(caller, kind)
        assert [count_moments(each, kind) for each in (gone, lately, caller)] == [0, 1, 1]


class TestMakingPackages:
    @pytest.fixture
    def person(self, event):
        return make.staff(event=event)

    @pytest.fixture
    def ten(self, event, person):
        return [make.package(event, person) for _ in range(10)]

    def count_packages(self, event):
        with db.read_session() as session:
            return session.scalar(select(func.count()).where(Package.event_id == event.id))

    def test_the_eleventh_in_a_minute_is_refused_and_not_made(self, event, person, ten):
        refusal = get_refusal(lambda: make.package(event, person))
        assert str(refusal).startswith("You made 10 packages within a minute, so this one was not saved.")
        assert 50 <= refusal.retry_after <= 60
        assert self.count_packages(event) == len(ten)

    def test_it_is_made_once_a_minute_has_passed_since_the_first(self, event, person, ten):
        shift_moments(60, person.staff_id)
        make.package(event, person)
        assert self.count_packages(event) == 11

    def test_the_event_does_not_matter_and_another_person_is_counted_apart(self, event, person, ten):
        elsewhere, colleague = make.event(), make.staff(event=event)
        make.assign(person, elsewhere)
        get_refusal(lambda: make.package(elsewhere, person))
        make.package(event, colleague)

    def test_a_persons_tokens_and_pages_are_counted_together(self, event, person):
        actors = [person, *(get_token_actor(make.token(person, name)) for name in ("One", "Two"))]
        for number in range(10):
            make.package(event, actors[number % 3])
        for actor in actors:
            get_refusal(lambda actor=actor: make.package(event, actor))

    def test_what_was_not_made_does_not_count(self, event, person):
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

    def test_the_operator_is_not_limited(self, event):
        for _ in range(11):
            make.package(event, OPERATOR)

    def test_packages_that_are_made_as_a_whole_are_not_counted(self, event, person):
        for _ in range(11):
            db.write(lambda s: packages.create_without_rate_limit(s, person, event.id, make.package_draft()))
        assert count_moments(person.staff_id, PACKAGE_CREATIONS) == 0


class TestTryingCodes:
    @pytest.fixture
    def person(self, event):
        return make.staff(role="viewer", event=event)

    @pytest.fixture
    def package(self, event):
        return make.package(event)

    @pytest.fixture
    def tried(self, event, package):
        return lambda actor, code="NOSUCH": db.write(
            lambda s: promo_code_check.dry_run(s, actor, event.id, code, package_id=package.id, quantity=1)
        )

    def test_the_eleventh_that_does_not_apply_is_not_looked_at(self, person, tried):
        for _ in range(10):
            assert tried(person).reason == "unknown"
        refusal = get_refusal(lambda: tried(person))
        assert str(refusal).startswith("You tried 10 promo codes that do not apply within a minute")
        assert 50 <= refusal.retry_after <= 60
        assert count_moments(person.staff_id, PROMO_CODE_REFUSALS) == 10

    def test_codes_that_apply_are_not_counted(self, event, person, tried):
        code = make.promo_code(event).code
        for _ in range(9):
            tried(person)
        for _ in range(11):
            assert tried(person, code).reason is None
        assert tried(person).reason == "unknown"
        get_refusal(lambda: tried(person))

    def test_over_the_limit_a_code_that_applies_is_not_told_from_the_others(self, event, person, tried):
        code = make.promo_code(event).code
        for _ in range(10):
            tried(person)
        assert str(get_refusal(lambda: tried(person, code)))[:60] == str(get_refusal(lambda: tried(person)))[:60]
        shift_moments(60, person.staff_id)
        assert tried(person, code).reason is None

    @pytest.mark.parametrize("fields", [{"is_active": False}, {"expires_at": "2026-01-01T00:00"}])
    def test_every_rule_that_refuses_counts(self, event, person, tried, fields):
        code = make.promo_code(event, **fields).code
        tried(person, code)
        assert count_moments(person.staff_id, PROMO_CODE_REFUSALS) == 1

    def test_two_people_are_counted_apart_and_two_tokens_of_one_together(self, event, person, tried):
        one, two = (get_token_actor(make.token(person, name)) for name in ("One", "Two"))
        for _ in range(5):
            tried(one)
            tried(two)
        for actor in (one, two, person):
            get_refusal(lambda actor=actor: tried(actor))
        assert tried(make.staff(event=event)).reason == "unknown"

    def test_a_package_that_is_none_does_not_count(self, event, person):
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
