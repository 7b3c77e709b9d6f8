"""Conversations and clients of the tests of files, and where their objects lie."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from attachments.storage import forget_store
from tests.attachments.filing import Shelf
from tests.messaging.conftest import as_teacher, c1, c2, doctor, log_cannot_be_written, patient, stranger, teacher

__all__ = ["as_teacher", "c1", "c2", "doctor", "log_cannot_be_written", "patient", "stranger", "teacher"]


@pytest.fixture
def shelf(database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """The folder of objects, of this test alone."""
    monkeypatch.setattr(django_settings, "DATA_DIR", tmp_path)
    forget_store()
    yield Shelf(tmp_path / "files")
    forget_store()
