"""The guide at /guide: its pages, links and pictures, for people who are signed in."""

import re

import pytest

from api.site import guide

PAGES = sorted(guide._PAGES)


@pytest.fixture
def read(browser, sign_in):
    sign_in(role="viewer")
    return browser.get


@pytest.mark.parametrize("name", PAGES)
def test_links_and_pictures_of_each_page_exist(read, name):
    path = "/guide" if name == guide.HOME else f"/guide/{name}"
    response = read(path)
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["content-security-policy"]
    for address in set(re.findall(r'(?:href|src)="(/guide[^"#]*)', response.text)):
        assert read(address).status_code == 200, address
    assert '.md"' not in response.text


def test_part_of_a_page_is_found_by_its_heading(read):
    assert '<h2 id="off-sale-copied-deleted">Off sale, copied, deleted</h2>' in read("/guide/packages").text


@pytest.mark.parametrize("path", ["/guide/none", "/guide/pictures/none.webp", "/guide/pictures/take.py"])
def test_unknown_page_is_not_found(read, path):
    assert read(path).status_code == 404


def test_stranger_is_asked_to_sign_in(browser):
    answer = browser.get("/guide/packages", headers={"Accept": "text/html"}, follow_redirects=False)
    assert answer.headers["location"].startswith("/session/sign-in")
