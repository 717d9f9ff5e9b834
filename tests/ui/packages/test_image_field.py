"""The picture in a package's form: seen before it is saved, replaced, removed, described, refused in a sentence."""

import pytest
from sqlalchemy import func, select
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from tests.support import image_samples, make
from tests.support.package_cards import DESCRIPTION, NAME, PRICE, list_stored_packages, set_image
from ticketing import db
from ticketing.catalog import images, malware_scan
from ticketing.errors import ScannerUnavailable
from ticketing.models import Image

CHOOSE, ANOTHER = "Picture (optional)", "Another picture"
WORDS = "What the picture shows, for people who cannot see it (optional)"
NOT_A_PICTURE = "This file is not a JPG, PNG or WebP picture, whatever its name says."


@pytest.fixture
def coordinator(event):
    return make.staff(event=event)


@pytest.fixture
def package(event):
    return make.package(event, name="Table", description="Old words.")


@pytest.fixture
def editing(visit, coordinator, event, package):
    return visit("packages", coordinator, event).pick(package, "Edit")


def upload(screen, label, content, name="table.jpg"):
    screen.field(label).upload(name, content)
    return screen.rerun()


def picture_of(event, place=0):
    with db.read_session() as session:
        package = list_stored_packages(event)[place]
        return images.find_by_package(session, [package]).get(package.id)


def number_of_pictures(event):
    with db.read_session() as session:
        return session.scalar(select(func.count()).where(Image.event_id == event.id))


def previews(screen):
    return [each.value for each in screen.app.html if each.value.startswith('<div class="shot')]


class TestChoosing:
    def test_it_is_seen_before_it_is_saved(self, editing, event):
        assert "<img" not in previews(editing)[0]
        upload(editing, CHOOSE, image_samples.make_image_file("JPEG"))
        assert '<img src="data:image/jpeg;base64,' in previews(editing)[0]
        assert editing.says("The new picture is kept when you save the package.")
        assert editing.dialog() == "Edit package"
        assert number_of_pictures(event) == 0

    def test_saved_it_is_the_package_s_with_its_words_and_the_other_fields(self, editing, event):
        upload(editing, CHOOSE, image_samples.make_image_file("JPEG", (90, 60)))
        editing.type(NAME, "Big Table").type(WORDS, "Ten chairs").click("Save package")
        assert editing.toasts() == ["Big Table is saved."]
        seen = picture_of(event)
        assert (seen.media_type, seen.width, seen.height, seen.alt) == ("image/jpeg", 90, 60, "Ten chairs")

    def test_a_new_package_has_its_picture_at_once(self, visit, coordinator, event):
        screen = upload(
            visit("packages", coordinator, event).click("New package"), CHOOSE, image_samples.make_image_file("WEBP")
        )
        screen.type(NAME, "Table").type(PRICE, "10").type(DESCRIPTION, "-").click("Make package")
        assert picture_of(event).media_type == "image/webp"

    def test_with_another_field_refused_the_picture_waits(self, visit, coordinator, event):
        screen = upload(
            visit("packages", coordinator, event).click("New package"), CHOOSE, image_samples.make_image_file()
        )
        screen.type(NAME, "Table").type(DESCRIPTION, "-").click("Make package")
        assert screen.problem(PRICE)
        assert "data:image/png" in previews(screen)[0]
        assert number_of_pictures(event) == 0
        screen.type(PRICE, "10").click("Make package")
        assert picture_of(event).width == 60

    def test_taken_back_nothing_is_stored(self, editing, event):
        upload(editing, CHOOSE, image_samples.make_image_file()).click("Take back")
        assert "<img" not in previews(editing)[0]
        editing.click("Save package")
        assert number_of_pictures(event) == 0

    def test_given_up_nothing_is_stored_and_the_next_form_begins_without_it(self, editing, event, package):
        upload(editing, CHOOSE, image_samples.make_image_file()).click("Cancel")
        assert number_of_pictures(event) == 0
        assert "<img" not in previews(editing.pick(package, "Edit"))[0]

    def test_the_last_one_chosen_counts(self, editing, event):
        upload(editing, CHOOSE, image_samples.make_image_file(size=(90, 60)))
        upload(editing, ANOTHER, image_samples.make_image_file(size=(70, 70))).click("Save package")
        assert picture_of(event).width == 70
        assert number_of_pictures(event) == 1

    @pytest.mark.parametrize("content", [image_samples.make_image_file(), b"no picture"])
    def test_the_server_lets_go_of_each_uploaded_file_at_once(self, editing, monkeypatch, content):
        kept = []
        remove = MemoryUploadedFileManager.remove_file

        def noted(manager, session_id, file_id):
            remove(manager, session_id, file_id)
            kept.append(manager.get_files(session_id, [file_id]))

        monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", noted)
        upload(editing, CHOOSE, content)
        assert kept == [[]]
        assert [each.value for each in editing.app.file_uploader] == [None]


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"x" * 100, NOT_A_PICTURE),
            (b"", "This file is empty."),
            (image_samples.make_animation("PNG"), "This picture is animated."),
            (image_samples.make_image_file("JPEG")[:400], "This picture is damaged or incomplete."),
            (image_samples.make_file_claiming_size("PNG", 9000, 9000), "This picture has 9,000 x 9,000 pixels."),
        ],
    )
    def test_why_stands_beside_the_field_and_the_rest_can_be_saved(self, editing, event, content, sentence):
        upload(editing, CHOOSE, content)
        assert editing.problem(CHOOSE).startswith(sentence)
        editing.type(NAME, "Big Table").click("Save package")
        assert (list_stored_packages(event)[0].name, number_of_pictures(event)) == ("Big Table", 0)

    def test_the_picture_that_was_there_stays(self, visit, coordinator, event, package):
        sha256 = set_image(event, package)
        screen = upload(visit("packages", coordinator, event).pick(package, "Edit"), ANOTHER, b"x")
        assert screen.problem(ANOTHER).startswith(NOT_A_PICTURE)
        assert sha256 in previews(screen)[0]
        screen.click("Save package")
        assert picture_of(event).sha256 == sha256

    def test_a_good_one_after_a_bad_one_ends_the_complaint(self, editing):
        upload(editing, CHOOSE, b"x")
        assert upload(editing, CHOOSE, image_samples.make_image_file()).problems() == []

    def test_a_scanner_that_is_away_is_told_and_the_file_is_not_taken(self, editing, event, monkeypatch):
        def away(_content):
            raise ScannerUnavailable

        monkeypatch.setattr(malware_scan, "find_signature", away)
        upload(editing, CHOOSE, image_samples.make_image_file())
        assert editing.problem(CHOOSE).startswith("The virus scanner does not answer, so the file was not taken.")
        assert "<img" not in previews(editing)[0]


class TestThere:
    @pytest.fixture
    def sha256(self, event, package):
        return set_image(event, package, alt="A table")

    @pytest.fixture
    def editing(self, sha256, visit, coordinator, event, package):
        return visit("packages", coordinator, event).pick(package, "Edit")

    def test_it_stands_in_the_form_with_its_words(self, editing, sha256):
        assert f"{sha256}.png" in previews(editing)[0]
        assert editing.value(WORDS) == "A table"

    def test_removing_asks_first(self, editing, sha256, event):
        editing.click("Remove picture")
        assert editing.says("Remove this picture? It is gone for good once the package is saved.")
        assert sha256 in previews(editing.click("Keep it"))[0]
        editing.click("Remove picture").click("Remove it")
        assert editing.says("The picture is removed when you save the package.")
        assert "<img" not in previews(editing)[0]
        assert WORDS not in editing.labels()
        assert picture_of(event).sha256 == sha256
        editing.click("Save package")
        assert (picture_of(event), list_stored_packages(event)[0].image_alt, number_of_pictures(event)) == (
            None,
            None,
            0,
        )

    def test_a_removal_is_taken_back_before_saving(self, editing, sha256, event):
        editing.click("Remove picture").click("Remove it").click("Take back")
        assert sha256 in previews(editing)[0]
        editing.click("Save package")
        assert picture_of(event).sha256 == sha256

    def test_replaced_it_leaves_nothing_behind(self, editing, sha256, event):
        upload(editing, ANOTHER, image_samples.make_image_file(color=image_samples.BLUE))
        assert editing.says("These words were written for the former picture. Change them if they no longer fit.")
        editing.type(WORDS, "A blue one").click("Save package")
        assert picture_of(event).sha256 != sha256
        assert (picture_of(event).alt, number_of_pictures(event)) == ("A blue one", 1)

    def test_its_words_change_without_it(self, editing, sha256, event):
        editing.type(WORDS, "").click("Save package")
        assert (picture_of(event).sha256, picture_of(event).alt) == (sha256, None)

    def test_words_that_cannot_be_are_refused_beside_them(self, editing, event):
        editing.type(WORDS, "A\x07table").type(NAME, "Big Table").click("Save package")
        assert editing.problem(WORDS) == "Remove the control characters."
        assert list_stored_packages(event)[0].name == "Table"


class TestTwoPeople:
    """A colleague changes the picture while the form is open."""

    @pytest.fixture
    def theirs(self, event, package):
        def change(**drawn):
            bea = make.staff(role="admin", name="Bea Colleague")
            if not drawn:
                db.write(lambda session: images.remove_image(session, bea, event.id, package.id))
                return None
            prepared = images.prepare(image_samples.make_image_file(**drawn))
            db.write(lambda session: images.set_image(session, bea, event.id, package.id, prepared, "Theirs"))
            return prepared.sha256.hex()

        return change

    def test_theirs_is_taken_along_when_only_they_did(self, editing, event, theirs):
        sha256 = theirs(colour=image_samples.BLUE)
        editing.type(NAME, "Big Table").click("Save package")
        assert editing.says("**Picture**: Bea Colleague added one, today")
        assert sha256 in previews(editing)[0]
        assert editing.value(WORDS) == "Theirs"
        editing.click("Save package")
        assert (list_stored_packages(event)[0].name, picture_of(event).sha256) == ("Big Table", sha256)

    @pytest.mark.parametrize("choice", ["Keep mine", "Take theirs"])
    def test_of_two_new_ones_one_is_chosen(self, editing, event, theirs, choice):
        mine = upload(editing, CHOOSE, image_samples.make_image_file(color=image_samples.GREEN))
        sha256 = theirs(colour=image_samples.BLUE)
        mine.click("Save package")
        assert mine.says("**Picture**: Bea Colleague added one, today")
        assert mine.says("You chose another.")
        assert mine.field("Save package").disabled
        form = mine.app.session_state["opened_package"]
        mine.app.button(key=form.key(f"{choice.split()[-1]}_image")).click()
        mine.rerun()
        assert (sha256 in previews(mine)[0]) == (choice == "Take theirs")
        mine.click("Save package")
        assert (picture_of(event).sha256 == sha256) == (choice == "Take theirs")
        assert number_of_pictures(event) == 1

    def test_a_picture_that_they_removed_is_told(self, visit, coordinator, event, package, theirs):
        set_image(event, package)
        editing = visit("packages", coordinator, event).pick(package, "Edit").type(NAME, "Big Table")
        theirs()
        assert editing.click("Save package").says("**Picture**: Bea Colleague removed it, today")
        assert "<img" not in previews(editing)[0]
        editing.click("Save package")
        assert (list_stored_packages(event)[0].name, picture_of(event)) == ("Big Table", None)
