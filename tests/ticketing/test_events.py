from tests import make


def test_an_event_is_made(event):
    assert event.version == 1
    assert make.package(event).display_order == 1
