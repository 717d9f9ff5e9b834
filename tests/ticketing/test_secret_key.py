"""The generated key is written as a whole, once, and a damaged one is refused."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ticketing import secret_key
from ticketing.errors import StartRefused


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TICKETDESK_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("TICKETDESK_SECRET", raising=False)
    return tmp_path / "data"


def test_generated_key_is_kept_in_the_data_folder(data, monkeypatch):
    generated = secret_key.get()

    assert len(generated) == 64
    assert secret_key.get() == generated == (data / "secret").read_text()
    assert (data.stat().st_mode & 0o777, (data / "secret").stat().st_mode & 0o777) == (0o700, 0o600)
    assert [each.name for each in data.iterdir()] == ["secret"]

    monkeypatch.setenv("TICKETDESK_SECRET", "configured" * 4)
    assert secret_key.get() == "configured" * 4


def test_first_starts_at_the_same_time_agree(data):
    for _ in range(20):
        with ThreadPoolExecutor(8) as threads:
            keys = set(threads.map(lambda _: secret_key.get(), range(8)))
        assert keys == {(data / "secret").read_text()}
        assert [each.name for each in data.iterdir()] == ["secret"]
        (data / "secret").unlink()


@pytest.mark.parametrize(("stored", "is_accepted"), [("", False), ("s" * 31 + "\n", False), ("s" * 32 + "\n", True)])
def test_key_of_fewer_than_32_characters_is_refused(data, stored, is_accepted):
    data.mkdir()
    (data / "secret").write_text(stored)
    if is_accepted:
        assert secret_key.get() == stored.strip()
        return
    with pytest.raises(StartRefused) as refused:
        secret_key.get()
    assert str(refused.value) == (
        f"The secret in {data}/secret is shorter than 32 characters, as after a full disk: delete it, which signs "
        "everybody out, and start again."
    )
    assert (data / "secret").read_text() == stored


def test_full_disk_leaves_no_file(data, monkeypatch):
    """`os.fsync` is patched, since a test cannot fill the disk."""

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StartRefused) as refused:
        secret_key.get()
    assert str(refused.value) == f"The disk of the data folder {data} is full: make room on it and start again."
    assert list(data.iterdir()) == []
