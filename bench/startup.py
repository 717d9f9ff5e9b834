"""`make run` on a prepared machine: the seconds from the command to the page in a browser."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect, sync_playwright

from bench.measure import ROUNDS, Row
from tests.support.make import PASSWORD
from tests.support.server import find_free_port
from ticketing.settings import ROOT

MAX_SECONDS = 5.0
STARTS = min(ROUNDS, 5)
TIMEOUT_SECONDS = 60
EMAIL = "ana@example.org"


def measure_startup(folder: Path) -> list[Row]:
    """Measure with a data folder that has the sample event, and an open browser that is signed in."""
    data = folder / "prepared"
    data.mkdir()
    data.chmod(0o755)
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "TICKETDESK_SECRET")
    }
    environment |= {"TICKETDESK_DATA": str(data), "STREAMLIT_SERVER_PORT": str(find_free_port())}
    run_cli(environment, "migrate")
    event_id = run_cli(environment, "demo").split()[-1]
    run_cli(environment, "staff", "add", EMAIL, "--name", "Ana Ruiz", "--role", "admin", stdin=f"{PASSWORD}\n")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("This measurement needs Chromium (apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        window = browser.new_context().new_page()
        seconds = [time_startup(window, environment, event_id) for _ in range(1 + STARTS)][1:]
        browser.close()
    return [Row("`make run`, to the page in a browser", "s", [], seconds, MAX_SECONDS, less_is_better=True)]


def run_cli(environment: dict[str, str], *command: str, stdin: str = "") -> str:
    """Return the output of `python -m ticketing`."""
    program = [sys.executable, "-m", "ticketing", *command]
    done = subprocess.run(program, cwd=ROOT, env=environment, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(program)} failed:\n{done.stderr}")
    return done.stdout


def time_startup(window: Page, environment: dict[str, str], event_id: str) -> float:
    """Return the seconds from the command until the sales are shown. The first call signs in."""
    url = f"http://localhost:{environment['STREAMLIT_SERVER_PORT']}"
    start = time.perf_counter()
    process = subprocess.Popen(
        ["make", "run"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for_server(url)
        if not window.context.cookies():
            window.request.post(f"{url}/session/sign-in", form={"email": EMAIL, "password": PASSWORD})
        window.goto(f"{url}/?event={event_id}")
        expect(window.get_by_text("All purchases (")).to_be_visible(timeout=TIMEOUT_SECONDS * 1000)
        return time.perf_counter() - start
    finally:
        window.goto("about:blank")
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(TIMEOUT_SECONDS)


def wait_for_server(url: str) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            httpx.get(f"{url}/healthz")
            return
        time.sleep(0.02)
    raise SystemExit(f"`make run` did not answer within {TIMEOUT_SECONDS} s.")


MEASUREMENTS = (measure_startup,)
