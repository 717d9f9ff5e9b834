"""How often is too often: both sides of each limit, who counts together, and what is not counted."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from tests.support import make
from ticketing import db
from ticketing.access import permissions, rate_limits
from ticketing.access.rate_limits import PACKAGES, PROMO_TRIALS, Limit
from ticketing.actors import OPERATOR
from ticketing.catalog import copying, packages, promo_code_check
from ticketing.errors import DuplicateName, NotFound, RateLimited
from ticketing.models import Package, RateLimit

THREE = Limit("for_tests", 3, timedelta(minutes=1), "That was often.")


@pytest.fixture
def caller():
    return make.unique("caller")


def take(caller, limit=THREE):
    return db.write(lambda s: rate_limits.take(s, limit, caller))


def let_pass(seconds, caller):
    """As if that much time had passed since everything this caller did."""
    shift = text(
        "UPDATE rate_limits SET moments = ARRAY("
        "SELECT moment - make_interval(secs => :seconds) FROM unnest(moments) AS moment ORDER BY moment)"
        " WHERE caller = :caller"
    )
    db.write(lambda s: s.execute(shift, {"seconds": seconds, "caller": str(caller)}))


def counted(caller, limit=THREE):
    with db.reading() as session:
        row = session.get(RateLimit, (limit.kind, str(caller)))
        return 0 if row is None else len(row.moments)


def refused(work):
    with pytest.raises(RateLimited) as refusal:
        work()
    return refusal.value


def free(caller):
    with db.reading() as session:
        rate_limits.require_free(session, THREE, caller)


class TestTheWindow:
    def test_the_most_pass_and_the_next_is_refused_and_not_counted(self, caller):
        for _ in range(3):
            free(caller)
            take(caller)
        refusal = refused(lambda: take(caller))
        assert 50 <= refusal.retry_after <= 60
        assert str(refusal) == f"That was often. Try again in {refusal.retry_after} seconds."
        assert 50 <= refused(lambda: free(caller)).retry_after <= refusal.retry_after
        assert counted(caller) == 3

    def test_it_moves_one_is_free_when_the_oldest_is_a_minute_ago_and_not_before(self, caller):
        take(caller)
        let_pass(30, caller)
        take(caller)
        take(caller)
        let_pass(20, caller)
        assert 1 <= refused(lambda: take(caller)).retry_after <= 10
        let_pass(10, caller)
        free(caller)
        take(caller)
        assert 20 <= refused(lambda: take(caller)).retry_after <= 30

    def test_what_is_out_of_the_window_is_not_kept(self, caller):
        for _ in range(3):
            take(caller)
        let_pass(60, caller)
        take(caller)
        assert counted(caller) == 1

    def test_callers_and_kinds_are_counted_apart(self, caller):
        for _ in range(3):
            take(caller)
        take(make.unique("other"))
        take(caller, Limit("another_kind", 1, timedelta(minutes=1), ""))
        refused(lambda: take(caller))

    def test_nothing_is_counted_when_the_transaction_is_given_up(self, caller):
        def work(session):
            rate_limits.take(session, THREE, caller)
            raise NotFound("package")

        for _ in range(4):
            with pytest.raises(NotFound):
                db.write(work)
        assert counted(caller) == 0

    def test_forgetting_starts_from_nothing(self, caller):
        for _ in range(3):
            take(caller)
        db.write(lambda s: rate_limits.forget(s, THREE, caller))
        free(caller)
        take(caller)

    def test_nobody_is_not_limited(self):
        for _ in range(4):
            take(None)
            free(None)

    def test_callers_who_never_came_back_are_forgotten_once_somebody_new_comes(self, caller):
        kind = Limit(make.unique("kind"), 3, timedelta(minutes=1), "")
        gone, lately = make.unique("gone"), make.unique("lately")
        take(gone, kind)
        take(lately, kind)
        let_pass(601, gone)
        let_pass(599, lately)
        take(caller, kind)
        assert [counted(each, kind) for each in (gone, lately, caller)] == [0, 1, 1]


class TestMakingPackages:
    @pytest.fixture
    def person(self, event):
        return make.staff(event=event)

    @pytest.fixture
    def ten(self, event, person):
        return [make.package(event, person) for _ in range(10)]

    def number_in(self, event):
        with db.reading() as session:
            return session.scalar(select(func.count()).where(Package.event_id == event.id))

    def test_the_eleventh_in_a_minute_is_refused_and_not_made(self, event, person, ten):
        refusal = refused(lambda: make.package(event, person))
        assert str(refusal).startswith("You made 10 packages within a minute, so this one was not saved.")
        assert 50 <= refusal.retry_after <= 60
        assert self.number_in(event) == len(ten)

    def test_it_is_made_once_a_minute_has_passed_since_the_first(self, event, person, ten):
        let_pass(60, person.staff_id)
        make.package(event, person)
        assert self.number_in(event) == 11

    def test_the_event_does_not_matter_and_another_person_is_counted_apart(self, event, person, ten):
        elsewhere, colleague = make.event(), make.staff(event=event)
        make.assign(person, elsewhere)
        refused(lambda: make.package(elsewhere, person))
        make.package(event, colleague)

    def test_a_persons_tokens_and_pages_are_counted_together(self, event, person):
        actors = [person, *(by_token(make.token(person, name)) for name in ("One", "Two"))]
        for number in range(10):
            make.package(event, actors[number % 3])
        for actor in actors:
            refused(lambda actor=actor: make.package(event, actor))

    def test_what_was_not_made_does_not_count(self, event, person):
        make.package(event, name="Table")
        for _ in range(11):
            with pytest.raises(DuplicateName):
                make.package(event, person, name="table")
        assert counted(person.staff_id, PACKAGES) == 0
        make.package(event, person)
        assert counted(person.staff_id, PACKAGES) == 1

    def test_copies_are_neither_counted_nor_refused(self, event, person, ten):
        for _ in range(3):
            db.write(lambda s: copying.copy_package(s, person, event.id, ten[0].id))
        assert self.number_in(event) == 13
        assert counted(person.staff_id, PACKAGES) == 10

    def test_the_operator_is_not_limited(self, event):
        for _ in range(11):
            make.package(event, OPERATOR)

    def test_packages_that_are_made_as_a_whole_are_not_counted(self, event, person):
        for _ in range(11):
            db.write(lambda s: packages.create_uncounted(s, person, event.id, make.package_draft()))
        assert counted(person.staff_id, PACKAGES) == 0


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
            lambda s: promo_code_check.try_code(s, actor, event.id, code, package_id=package.id, quantity=1)
        )

    def test_the_eleventh_that_does_not_apply_is_not_looked_at(self, person, tried):
        for _ in range(10):
            assert tried(person).reason == "unknown"
        refusal = refused(lambda: tried(person))
        assert str(refusal).startswith("You tried 10 promo codes that do not apply within a minute")
        assert 50 <= refusal.retry_after <= 60
        assert counted(person.staff_id, PROMO_TRIALS) == 10

    def test_codes_that_apply_are_not_counted(self, event, person, tried):
        code = make.promo_code(event).code
        for _ in range(9):
            tried(person)
        for _ in range(11):
            assert tried(person, code).reason is None
        assert tried(person).reason == "unknown"
        refused(lambda: tried(person))

    def test_over_the_limit_a_code_that_applies_is_not_told_from_the_others(self, event, person, tried):
        code = make.promo_code(event).code
        for _ in range(10):
            tried(person)
        assert str(refused(lambda: tried(person, code)))[:60] == str(refused(lambda: tried(person)))[:60]
        let_pass(60, person.staff_id)
        assert tried(person, code).reason is None

    @pytest.mark.parametrize("fields", [{"is_active": False}, {"expires_at": "2026-01-01T00:00"}])
    def test_every_rule_that_refuses_counts(self, event, person, tried, fields):
        code = make.promo_code(event, **fields).code
        tried(person, code)
        assert counted(person.staff_id, PROMO_TRIALS) == 1

    def test_two_people_are_counted_apart_and_two_tokens_of_one_together(self, event, person, tried):
        one, two = (by_token(make.token(person, name)) for name in ("One", "Two"))
        for _ in range(5):
            tried(one)
            tried(two)
        for actor in (one, two, person):
            refused(lambda actor=actor: tried(actor))
        assert tried(make.staff(event=event)).reason == "unknown"

    def test_a_package_that_is_none_does_not_count(self, event, person):
        with pytest.raises(NotFound):
            db.write(
                lambda s: promo_code_check.try_code(s, person, event.id, "NOSUCH", package_id=uuid.uuid4(), quantity=1)
            )
        assert counted(person.staff_id, PROMO_TRIALS) == 0


def by_token(secret):
    with db.reading() as session:
        actor = permissions.find_token(session, secret)
    assert actor.token_id is not None
    return actor
