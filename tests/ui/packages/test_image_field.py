"""The image field of a package's form: preview, replace, remove, alternative text and refusals."""

import socket

import pytest
from sqlalchemy import func, select
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

from tests.support import image_samples, make
from tests.support.packages import DESCRIPTION, NAME, PRICE, list_stored_packages, set_image
from ticketing import db
from ticketing.catalog import images
from ticketing.models import Image

CHOOSE, ANOTHER = "Picture (optional)", "Another picture"
WORDS = "Picture description for screen readers (optional)"
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


def find_image(event, place=0):
    with db.read_session() as session:
        package = list_stored_packages(event)[place]
        return images.find_by_package(session, [package]).get(package.id)


def count_images(event):
    with db.read_session() as session:
        return session.scalar(select(func.count()).where(Image.event_id == event.id))


def list_previews(screen):
    return [each.value for each in screen.app.html if each.value.startswith('<div class="shot')]


class TestUpload:
    def test_upload_is_previewed_before_saving(self, editing, event):
        assert "<img" not in list_previews(editing)[0]
        upload(editing, CHOOSE, image_samples.make_image_file("JPEG"))
        assert '<img src="data:image/jpeg;base64,' in list_previews(editing)[0]
        assert editing.says("The new picture is kept when you save the package.")
        assert editing.dialog() == "Edit package"
        assert count_images(event) == 0

    def test_save_stores_image_alt_text_and_other_fields(self, editing, event):
        upload(editing, CHOOSE, image_samples.make_image_file("JPEG", (90, 60)))
        editing.type(NAME, "Big Table").type(WORDS, "Ten chairs").click("Save package")
        assert editing.offer() == "Big Table saved."
        seen = find_image(event)
        assert (seen.media_type, seen.width, seen.height, seen.alt) == ("image/jpeg", 90, 60, "Ten chairs")

    def test_added_image_is_undone(self, editing, event):
        upload(editing, CHOOSE, image_samples.make_image_file()).click("Save package")
        assert (editing.offer(), count_images(event)) == ("Table saved.", 1)
        editing.click("Undo")
        assert (find_image(event), count_images(event)) == (None, 0)

    def test_new_package_is_created_with_its_image(self, visit, coordinator, event):
        screen = upload(
            visit("packages", coordinator, event).click("New package"), CHOOSE, image_samples.make_image_file("WEBP")
        )
        screen.type(NAME, "Table").type(PRICE, "10").type(DESCRIPTION, "-").click("Create package")
        assert find_image(event).media_type == "image/webp"

    def test_upload_survives_a_refused_save(self, visit, coordinator, event):
        screen = upload(
            visit("packages", coordinator, event).click("New package"), CHOOSE, image_samples.make_image_file()
        )
        screen.type(NAME, "Table").type(DESCRIPTION, "-").click("Create package")
        assert screen.problem(PRICE)
        assert "data:image/png" in list_previews(screen)[0]
        assert count_images(event) == 0
        screen.type(PRICE, "10").click("Create package")
        assert find_image(event).width == 60

    def test_reverted_upload_is_not_stored(self, editing, event):
        upload(editing, CHOOSE, image_samples.make_image_file()).click("Undo")
        assert "<img" not in list_previews(editing)[0]
        editing.click("Save package")
        assert count_images(event) == 0

    def test_canceled_upload_is_not_in_the_next_form(self, editing, event, package):
        upload(editing, CHOOSE, image_samples.make_image_file()).click("Cancel")
        assert count_images(event) == 0
        assert "<img" not in list_previews(editing.pick(package, "Edit"))[0]

    def test_last_upload_is_stored(self, editing, event):
        upload(editing, CHOOSE, image_samples.make_image_file(size=(90, 60)))
        upload(editing, ANOTHER, image_samples.make_image_file(size=(70, 70))).click("Save package")
        assert find_image(event).width == 70
        assert count_images(event) == 1

    @pytest.mark.parametrize("content", [image_samples.make_image_file(), b"no picture"])
    def test_uploaded_file_is_discarded_from_memory(self, editing, monkeypatch, content):
        kept = []
        remove = MemoryUploadedFileManager.remove_file

        def noted(manager, session_id, file_id):
            remove(manager, session_id, file_id)
            kept.append(manager.get_files(session_id, [file_id]))

        monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", noted)
        upload(editing, CHOOSE, content)
        assert kept == [[]]
        assert [each.value for each in editing.app.file_uploader] == [None]


class TestRefusal:
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
    def test_refused_file_shows_its_problem_and_the_form_can_be_saved(self, editing, event, content, sentence):
        upload(editing, CHOOSE, content)
        assert editing.problem(CHOOSE).startswith(sentence)
        editing.type(NAME, "Big Table").click("Save package")
        assert (list_stored_packages(event)[0].name, count_images(event)) == ("Big Table", 0)

    def test_refused_file_keeps_the_stored_image(self, visit, coordinator, event, package):
        sha256 = set_image(event, package)
        screen = upload(visit("packages", coordinator, event).pick(package, "Edit"), ANOTHER, b"x")
        assert screen.problem(ANOTHER).startswith(NOT_A_PICTURE)
        assert sha256 in list_previews(screen)[0]
        screen.click("Save package")
        assert find_image(event).sha256 == sha256

    def test_valid_upload_clears_the_problem(self, editing):
        upload(editing, CHOOSE, b"x")
        assert upload(editing, CHOOSE, image_samples.make_image_file()).problems() == []

    def test_unavailable_scanner_refuses_the_upload(self, editing, event, monkeypatch):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))  # bound but not listening, so connections are refused
            monkeypatch.setenv("CLAMD_ADDRESS", f"127.0.0.1:{closed.getsockname()[1]}")
            upload(editing, CHOOSE, image_samples.make_image_file())
        assert editing.problem(CHOOSE).startswith("The virus scanner does not answer, so the file was not taken.")
        assert "<img" not in list_previews(editing)[0]


class TestStoredImage:
    @pytest.fixture
    def sha256(self, event, package):
        return set_image(event, package, alt="A table")

    @pytest.fixture
    def editing(self, sha256, visit, coordinator, event, package):
        return visit("packages", coordinator, event).pick(package, "Edit")

    def test_form_shows_image_and_alt_text(self, editing, sha256):
        assert f"{sha256}.png" in list_previews(editing)[0]
        assert editing.value(WORDS) == "A table"

    def test_removal_asks_for_confirmation(self, editing, sha256, event):
        editing.click("Remove picture")
        assert editing.says("Remove this picture when you save the package?")
        assert sha256 in list_previews(editing.click("Keep picture"))[0]
        editing.click("Remove picture").click("Remove")
        assert editing.says("The picture is removed when you save the package.")
        assert "<img" not in list_previews(editing)[0]
        assert WORDS not in editing.labels()
        assert find_image(event).sha256 == sha256
        editing.click("Save package")
        assert (find_image(event), list_stored_packages(event)[0].image_alt, count_images(event)) == (
            None,
            None,
            0,
        )

    def test_removal_can_be_reverted_before_saving(self, editing, sha256, event):
        editing.click("Remove picture").click("Remove").click("Undo")
        assert sha256 in list_previews(editing)[0]
        editing.click("Save package")
        assert find_image(event).sha256 == sha256

    def test_replaced_image_is_deleted(self, editing, sha256, event):
        upload(editing, ANOTHER, image_samples.make_image_file(color=image_samples.BLUE))
        assert editing.says("This description was written for the former picture. Change it if it no longer fits.")
        editing.type(WORDS, "A blue one").click("Save package")
        assert find_image(event).sha256 != sha256
        assert (find_image(event).alt, count_images(event)) == ("A blue one", 1)

    def test_replaced_image_is_undone_with_the_other_fields(self, editing, sha256, event):
        upload(editing, ANOTHER, image_samples.make_image_file(color=image_samples.BLUE))
        editing.type(WORDS, "A blue one").type(NAME, "Big Table").click("Save package").click("Undo")
        assert editing.toasts() == ["Change undone."]
        assert (find_image(event).sha256, find_image(event).alt, count_images(event)) == (sha256, "A table", 1)
        assert list_stored_packages(event)[0].name == "Table"

    def test_removed_image_is_undone(self, editing, sha256, event):
        editing.click("Remove picture").click("Remove").click("Save package")
        assert editing.offer() == "Table saved."
        editing.click("Undo")
        assert (find_image(event).sha256, find_image(event).alt) == (sha256, "A table")

    def test_changed_alt_text_is_undone(self, editing, sha256, event):
        editing.type(WORDS, "Ten chairs").click("Save package").click("Undo")
        assert (find_image(event).sha256, find_image(event).alt) == (sha256, "A table")

    def test_undo_is_refused_when_a_colleague_changed_the_image_since(self, editing, sha256, event, package):
        editing.click("Remove picture").click("Remove").type(NAME, "Big Table").click("Save package")
        bea = make.staff(role="admin", name="Bea Colleague")
        prepared = images.prepare(image_samples.make_image_file(color=image_samples.GREEN))
        db.write(lambda session: images.set_image(session, bea, event.id, package.id, prepared))
        editing.click("Undo")
        assert editing.toasts() == ["Not undone. Bea Colleague changed it since."]
        assert find_image(event).sha256 == prepared.sha256.hex()
        assert list_stored_packages(event)[0].name == "Big Table"

    def test_alt_text_changes_without_the_image(self, editing, sha256, event):
        editing.type(WORDS, "").click("Save package")
        assert (find_image(event).sha256, find_image(event).alt) == (sha256, None)

    def test_invalid_alt_text_shows_its_problem(self, editing, event):
        editing.type(WORDS, "A\x07table").type(NAME, "Big Table").click("Save package")
        assert editing.problem(WORDS) == "Remove the control characters."
        assert list_stored_packages(event)[0].name == "Table"


class TestConflict:
    """A colleague changes the image while the form is open."""

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

    def test_colleague_image_is_merged(self, editing, event, theirs):
        sha256 = theirs(color=image_samples.BLUE)
        editing.type(NAME, "Big Table").click("Save package")
        assert editing.says("**Picture**: Bea Colleague added one, today")
        assert sha256 in list_previews(editing)[0]
        assert editing.value(WORDS) == "Theirs"
        editing.click("Save package")
        assert (list_stored_packages(event)[0].name, find_image(event).sha256) == ("Big Table", sha256)

    @pytest.mark.parametrize("choice", ["Keep mine", "Take theirs"])
    def test_two_new_images_are_a_conflict(self, editing, event, theirs, choice):
        mine = upload(editing, CHOOSE, image_samples.make_image_file(color=image_samples.GREEN))
        sha256 = theirs(color=image_samples.BLUE)
        mine.click("Save package")
        assert mine.says("**Picture**: Bea Colleague added one, today")
        assert mine.says("You chose another.")
        assert mine.field("Save package").disabled
        form = mine.app.session_state["opened_package"]
        mine.app.button(key=form.key(f"{choice.split()[-1]}_image")).click()
        mine.rerun()
        assert (sha256 in list_previews(mine)[0]) == (choice == "Take theirs")
        mine.click("Save package")
        assert (find_image(event).sha256 == sha256) == (choice == "Take theirs")
        assert count_images(event) == 1

    def test_colleague_removal_is_shown(self, visit, coordinator, event, package, theirs):
        set_image(event, package)
        editing = visit("packages", coordinator, event).pick(package, "Edit").type(NAME, "Big Table")
        theirs()
        assert editing.click("Save package").says("**Picture**: Bea Colleague removed it, today")
        assert "<img" not in list_previews(editing)[0]
        editing.click("Save package")
        assert (list_stored_packages(event)[0].name, find_image(event)) == ("Big Table", None)
