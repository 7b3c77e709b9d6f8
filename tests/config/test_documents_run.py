"""The commands in the documents work: each block of them is run in an empty folder, against a real server, or stands in
`NOT_HERE` with the reason why it is not."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.config.production import Production, new_key
from tests.deploy.supervised import becomes_true
from tests.peers.clamd import Clamd
from tests.processes import free_port

pytestmark = pytest.mark.no_database

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^([ ]*)```(\w*)\n(.*?)^[ ]*```", re.MULTILINE | re.DOTALL)
_SHELL = {"", "sh", "bash", "console", "shell"}
_COMMAND = re.compile(r"manage\.py|docker compose |-m encryption\.|\bmake |\bcurl ")

Block = tuple[str, str]
"""The document, and how the block begins."""

NOT_HERE: dict[Block, str] = {
    ("README.md", "make run"): "the server of this file is made by `make run`; `make test` is what runs this",
    ("docs/benchmarks.md", "make bench"): "it measures for minutes; benchmarks/ has its own tests",
    ("docs/operations.md", "git clone"): "it installs from a package index",
    ("docs/operations.md", "for port in 8001 8002"): "it needs systemd; tests/deploy restarts servers one by one",
    ("docs/operations.md", "python3 deploy/make_env.py"): "it needs Docker; tests/deploy runs what it would start",
    ("docs/operations.md", "docker compose build"): "it needs Docker",
    ("docs/operations.md", "git pull"): "it replaces the checkout and needs systemd; `migrate` is run with the others",
    ("docs/operations.md", ".venv/bin/python manage.py doctor --url"): "test_doctor_web asks a proxy that is there",
    ("docs/checklist.md", ".venv/bin/python manage.py doctor --url"): "test_doctor_web asks a proxy that is there",
}

_executed: set[Block] = set()


def executes(*blocks: Block) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Says which blocks a test runs."""
    _executed.update(blocks)
    return lambda test: test


def block(document: str, begins: str) -> str:
    """The text of a block that a test has said it runs."""
    assert (document, begins) in _executed
    [found] = [text for name, text in blocks() if name == document and text.startswith(begins)]
    return found


def blocks() -> list[tuple[str, str]]:
    """Document and text of every block that holds a command."""
    return [
        (str(path.relative_to(ROOT)), _dedented(text, len(indent)))
        for path in DOCUMENTS
        for indent, language, text in _BLOCK.findall(path.read_text())
        if language in _SHELL and _COMMAND.search(text)
    ]


def _dedented(text: str, by: int) -> str:
    return "".join(line[by:] if line.strip() else line for line in text.splitlines(keepends=True))


@dataclass(frozen=True)
class Place:
    """A folder with everything of the project that is no data, as links; what is written there is new."""

    folder: Path
    environment: dict[str, str]

    def run(self, script: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """A block as somebody types it. Ends at the first command that fails."""
        bash = shutil.which("bash")
        assert bash, "the documents are written for bash"
        return subprocess.run(
            [bash, "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def works(self, script: str, **more: str) -> str:
        """What it prints; it has to succeed."""
        done = self.run(script, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def linked(folder: Path) -> Path:
    for name in ("Makefile", "manage.py", "deploy", "static", "templates"):
        (folder / name).symlink_to(ROOT / name)
    for path in ROOT.glob("*/__init__.py"):
        (folder / path.parent.name).symlink_to(path.parent)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "until").write_text(_UNTIL)
    return folder


_UNTIL = """\
# until TEXT COMMAND…: start it, and once it has printed the text stop it as a supervisor does.
import signal, subprocess, sys
process = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, text=True)
for line in process.stdout:
    print(line, end="")
    if sys.argv[1] in line:
        process.send_signal(signal.SIGTERM)
sys.exit(process.wait(60))
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """`make run`, in an empty folder; only the packages are there already."""
    if not shutil.which("curl"):
        pytest.fail("The documents use curl: install it (Debian: apt-get install curl).")
    environment = {"PATH": os.environ["PATH"], "PORT": str(free_port()), "HOME": str(tmp_path_factory.mktemp("home"))}
    place = Place(linked(tmp_path_factory.mktemp("parley")), environment)
    log = (place.folder / "log").open("wb")
    command = ["make", "--old-file=install", "run"]
    with (
        log,
        subprocess.Popen(
            command, cwd=place.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            becomes_true(lambda: _is_ready(environment["PORT"], process, place.folder))
            yield place
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def _is_ready(port: str, process: "subprocess.Popen[bytes]", folder: Path) -> bool:
    assert process.poll() is None, (folder / "log").read_text()
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


# ---- README.md -------------------------------------------------------------------------------------------------------


def test_make_run_prints_the_address_and_the_logins(demo: Place) -> None:
    printed = (demo.folder / "log").read_text()
    assert f"Parley listens on http://127.0.0.1:{demo.environment['PORT']}" in printed
    assert "patient1" in printed
    left = {path.name for path in demo.folder.iterdir() if not path.is_symlink()}
    assert left == {"var", "until", "log"}


@executes(("README.md", "PORT=8000"))
def test_the_first_conversation_by_curl(demo: Place) -> None:
    script = block("README.md", "PORT=8000").replace("PORT=8000", f"PORT={demo.environment['PORT']}")
    *_, sent, history = demo.works(script).strip().splitlines()
    assert json.loads(sent)["content"] == "Is K<3.5 dangerous?"
    assert json.loads(sent)["id"] in {message["id"] for message in json.loads(history)["results"]}
    again = demo.works(script).strip().splitlines()
    assert json.loads(again[-2])["id"] == json.loads(sent)["id"]


@executes(("docs/clients.md", "AUTH="))
def test_a_file_by_curl(demo: Place) -> None:
    """Uploaded, sent and given a link; what stands between the quotes of the document is filled in."""
    api = f"http://127.0.0.1:{demo.environment['PORT']}/api/v1"
    shown = demo.works(block("README.md", "PORT=8000").replace("PORT=8000", f"PORT={demo.environment['PORT']}"))
    conversation = json.loads(shown.strip().splitlines()[-2])["conversationId"]
    (demo.folder / "letter.pdf").write_bytes(b"%PDF-1.7\n%%EOF\n")
    settings, upload, send, link = block("docs/clients.md", "AUTH=").strip().splitlines()
    settings = settings.replace("…", _token(demo, api)).replace("https://chat.example.org/api/v1", api)
    file = json.loads(demo.works(f"{settings}\n{upload}", CONVERSATION=conversation))["id"]
    sent, linked = demo.works(
        f"{settings}\n{send.partition('#')[0]}\necho\n{link}", CONVERSATION=conversation, FILE=file
    ).splitlines()
    assert [one["id"] for one in json.loads(sent)["attachments"]] == [file]
    assert "/files/" in json.loads(linked)["url"]


def _token(demo: Place, api: str) -> str:
    [password] = re.findall(r"^DEMO_PASSWORD=(.*)$", (demo.folder / "var" / ".env").read_text(), re.MULTILINE)
    login = {"username": "patient1", "password": password}
    return str(httpx.post(f"{api}/auth/token", json=login, timeout=30, trust_env=False).json()["access"])


# ---- docs/ -----------------------------------------------------------------------------------------------------------


@executes(("docs/watching.md", "python3 -c"))
def test_the_figures_by_curl(demo: Place) -> None:
    script = block("docs/watching.md", "python3 -c").replace(":8000", f":{demo.environment['PORT']}")
    token, *figures = demo.works(script).strip().splitlines()
    assert len(token) >= 40
    assert any(line.startswith("parley_connections_active ") for line in figures)


@pytest.mark.thorough
@executes(
    ("docs/retention.md", ".venv/bin/python manage.py retention_stats"),
    ("docs/retention.md", "echo"),
    ("docs/retention.md", ".venv/bin/python manage.py apply_retention --dry-run"),
    ("docs/operations.md", ".venv/bin/python manage.py apply_retention --dry-run"),
)
def test_retention(demo: Place) -> None:
    assert "messages" in demo.works(block("docs/retention.md", ".venv/bin/python manage.py retention_stats")).lower()
    held = _conversation(demo)
    script = block("docs/retention.md", "echo").replace("<id>", held)
    place, listing, lift = (line for line in script.splitlines(keepends=True) if line.strip())
    assert held in demo.works(place)
    hold = demo.works(listing).split(":")[0]
    assert "lifted" in demo.works(lift.replace("<id of the hold>", hold))
    demo.works(block("docs/retention.md", ".venv/bin/python manage.py apply_retention --dry-run"))
    demo.works(block("docs/operations.md", ".venv/bin/python manage.py apply_retention --dry-run"))


def _conversation(demo: Place, *, newest: bool = False) -> str:
    which = "order_by('-pk')" if newest else "all()"
    code = f"from messaging.models import Conversation; print(Conversation.objects.{which}[0].pk)"
    return demo.works(f'.venv/bin/python manage.py shell --no-imports -c "{code}"').strip()


@pytest.mark.thorough
@executes(("docs/roles.md", ".venv/bin/python manage.py shell -c"))
def test_rights_for_somebody_of_the_staff(demo: Place) -> None:
    """Of the demonstration it is the moderator."""
    script = block("docs/roles.md", ".venv/bin/python manage.py shell -c").replace("'kim'", "'admin'")
    demo.works(script)


@pytest.mark.thorough
@executes(
    ("docs/operations.md", ".venv/bin/python manage.py backup --to /backup/parley\n"),
    ("docs/operations.md", ".venv/bin/python manage.py backup --to /backup/parley --verify-into"),
    ("docs/operations.md", ".venv/bin/python manage.py restore"),
    ("docs/operations.md", ".venv/bin/python manage.py erase_person"),
)
def test_a_backup_its_drill_its_restore_and_an_erasure(demo: Place, tmp_path: Path) -> None:
    def here(begins: str) -> str:
        return block("docs/operations.md", begins).replace("/backup/", f"{tmp_path}/")

    demo.works(here(".venv/bin/python manage.py backup --to /backup/parley\n"))
    [made] = (tmp_path / "parley").iterdir()
    assert "sound" in demo.works(here(".venv/bin/python manage.py backup --to /backup/parley --verify-into"))
    restore = here(".venv/bin/python manage.py restore").replace("parley-20260131T020000Z-0123abcd", made.name)
    assert "not empty" in demo.run(restore).stderr
    assert "Restored" in demo.works(restore, DATABASE_URL=f"sqlite:///{tmp_path}/new.sqlite3")
    erase = here(".venv/bin/python manage.py erase_person").replace("paula", "student2")
    assert "would be erased" in demo.works(erase)


@pytest.mark.thorough
@executes(("docs/shredding.md", ".venv/bin/python manage.py shred_conversation"))
def test_destroying_a_conversation(demo: Place) -> None:
    script = block("docs/shredding.md", ".venv/bin/python manage.py shred_conversation")
    said = demo.works(script.replace("01970000-0000-7000-8000-000000000000", _conversation(demo, newest=True)))
    assert "would be destroyed" in said
    assert "Destroyed." in said


@executes(("docs/operations.md", ".venv/bin/python -m encryption.generate"))
def test_new_keys(demo: Place) -> None:
    master, secret = demo.works(block("docs/operations.md", ".venv/bin/python -m encryption.generate")).split()
    assert (len(master), len(secret)) == (44, 64)


@pytest.mark.thorough
@executes(
    ("docs/operations.md", ".venv/bin/python manage.py keys status"),
    ("docs/operations.md", ".venv/bin/python manage.py keys rotate"),
    ("docs/operations.md", ".venv/bin/python manage.py keys rewrap"),
    ("docs/operations.md", ".venv/bin/python manage.py keys retire"),
)
def test_keys_in_the_order_of_the_document(demo: Place) -> None:
    assert "active" in demo.works(block("docs/operations.md", ".venv/bin/python manage.py keys status"))
    demo.works(block("docs/operations.md", ".venv/bin/python manage.py keys rotate"))
    retire = block("docs/operations.md", ".venv/bin/python manage.py keys retire")
    assert "k1 is active" in demo.run(retire).stderr
    [present] = re.findall(r"^MASTER_KEYS=(.*)$", (demo.folder / "var" / ".env").read_text(), re.MULTILINE)
    both = {"MASTER_KEYS": f"{present},k2:{new_key()}", "MASTER_KEY_ACTIVE": "k2"}
    assert "under k2" in demo.works(block("docs/operations.md", ".venv/bin/python manage.py keys rewrap"), **both)
    assert "k1 is retired" in demo.works(retire, **both)


@pytest.mark.thorough
@executes(
    ("docs/operations.md", ".venv/bin/python manage.py migrate --database owner\n"),
    ("docs/operations.md", ".venv/bin/python manage.py doctor\n"),
)
def test_the_first_start(live: Production, session_clamd: Clamd, tmp_path: Path) -> None:
    """In production: PostgreSQL with both roles, Redis, clamd. The services end when they have said that they run."""
    script = block("docs/operations.md", ".venv/bin/python manage.py migrate --database owner\n")
    for service, said in (("serve", "Parley listens on"), ("work", "Working.")):
        command = f".venv/bin/python manage.py {service}"
        assert command in script
        script = script.replace(command, f".venv/bin/python until '{said}' {command}")
    script = script.replace("createsuperuser", "createsuperuser --noinput --username second")
    more = {
        "ATTACHMENT_SCANNER": "clamd",
        "CLAMD_URL": session_clamd.url,
        "DATABASE_OWNER_URL": live.owner,
        "DJANGO_SUPERUSER_PASSWORD": "correct horse battery staple",
        "PORT": str(free_port()),
        "PYTHONUNBUFFERED": "1",  # `until` waits for what they print
    }
    place = Place(linked(tmp_path), live.environment)
    printed = place.works(script, **more)
    printed += place.works(block("docs/operations.md", ".venv/bin/python manage.py doctor\n"), **more)
    for said in (
        "no issues",
        "Superuser created",
        "not applicable.",
        f"listens on http://127.0.0.1:{more['PORT']}",
        "Working.",
    ):
        assert said in printed


# ---- All of them -----------------------------------------------------------------------------------------------------


def test_every_block_is_run_or_has_a_reason() -> None:
    known = [*_executed, *NOT_HERE]
    unknown = [
        (document, text.splitlines()[0])
        for document, text in blocks()
        if not any(document == name and text.startswith(begins) for name, begins in known)
    ]
    assert unknown == []


def test_every_reason_is_about_a_block() -> None:
    assert not _executed & NOT_HERE.keys()
    for document, begins in (*_executed, *NOT_HERE):
        found = [text for name, text in blocks() if name == document and text.startswith(begins)]
        assert len(found) == 1, (document, begins)
