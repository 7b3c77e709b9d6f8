"""`python -m tests.zygote <number of a socket>`: imports libraries, then forks whenever it is asked (tests.forked).

On the socket come a byte and three files: a line to whoever asks, and what shall be standard output and standard error.
On that line comes the request, to its end; back go the process's id and at its end the status, each as four bytes.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import tempfile
import threading
import types
from dataclasses import asdict, dataclass

LIBRARIES = (
    *("argon2", "bleach", "channels.generic", "channels.layers", "channels_redis.pubsub", "clamav_client", "coverage"),
    *("cryptography.hazmat.primitives.ciphers.aead", "cryptography.hazmat.primitives.kdf.hkdf", "cryptography.x509"),
    *("dj_database_url", "django.contrib.admin.sites", "django.contrib.admin.views.main"),
    *("django.contrib.auth.hashers", "django.contrib.auth.password_validation", "django.contrib.auth.tokens"),
    *("django.contrib.messages.middleware", "django.contrib.sessions.backends.base", "django.contrib.staticfiles.apps"),
    *("django.contrib.staticfiles.finders", "django.core.cache.backends.locmem", "django.core.cache.backends.redis"),
    *("django.core.management.commands.check", "django.core.management.commands.makemigrations"),
    *("django.core.management.commands.migrate", "django.db.backends.postgresql.base"),
    *("django.db.backends.sqlite3.base", "django.forms", "django.template.loader", "django.test", "django.views.debug"),
    *("django_ratelimit.core", "emoji", "environs", "httptools", "jwt", "markdown_it", "mutagen.aac", "mutagen.aiff"),
    *("mutagen.easyid3", "mutagen.mp4", "mutagen.oggflac", "mutagen.oggopus", "mutagen.oggspeex", "mutagen.oggtheora"),
    *("mutagen.oggvorbis", "mutagen.wave", "orjson", "PIL.GifImagePlugin", "PIL.ImageOps", "PIL.JpegImagePlugin"),
    *("PIL.PngImagePlugin", "PIL.WebPImagePlugin", "prometheus_client", "psycopg_pool", "puremagic"),
    *("python_multipart", "redis.asyncio", "rest_framework.mixins", "rest_framework.permissions"),
    *("rest_framework.request", "rest_framework.response", "rest_framework.serializers", "structlog"),
    *("uuid_utils.compat", "uvicorn.protocols.http.httptools_impl", "uvloop", "websockets.sync.client"),
    "whitenoise.middleware",
)
"""Those that take longest, and do nothing for good while they are imported: see `_import`."""


@dataclass
class Request:
    """What shall run, `python <arguments>`, and where."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str

    def bytes(self) -> bytes:
        """One line, to its end."""
        return json.dumps(asdict(self)).encode() + b"\n"


def main() -> None:
    """Fork for everybody who asks until nobody can any more. In each that is forked, run what it is for."""
    line = socket.socket(fileno=int(sys.argv[1]))
    _import()
    # Nobody waits for those that keep watch over one process each.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while (asked := socket.recv_fds(line, 1, 3))[0]:
        if os.fork() == 0:
            line.close()
            _keep_watch(*asked[1])
            return
        for number in asked[1]:
            os.close(number)


def _import() -> None:
    before = os.listdir("/dev/fd")
    for name in LIBRARIES:
        importlib.import_module(name)
    assert not importlib.import_module("django.conf").settings.configured, "a library has read the settings"
    assert os.listdir("/dev/fd") == before, "a library has opened a file, or made a loop"
    assert threading.active_count() == 1, "a library has started a thread, which nobody who is forked would have"
    assert tempfile.tempdir is None, "a library has chosen where temporary files go"
    # What is here stays, and is not looked through for garbage in each process again.
    gc.collect()
    gc.freeze()


def _keep_watch(number: int, out: int, err: int) -> None:
    """Returns in the process that was asked for, when what it ran is over. The one that watches ends here."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    line = socket.socket(fileno=number)
    with line.makefile("rb") as lines:
        request = Request(**json.loads(lines.readline()))
    if (pid := os.fork()) == 0:
        _become(request, out, err)
        return
    os.close(out)
    os.close(err)
    line.sendall(pid.to_bytes(4, "big"))
    # It is not collected before it is known to have ended: until then no other process can have its id.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):  # whoever asked may have gone
        line.sendall(status.to_bytes(4, "big", signed=True))
    os._exit(0)


def _become(request: Request, out: int, err: int) -> None:
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    if "COVERAGE_PROCESS_CONFIG" in request.environment:
        importlib.import_module("coverage").process_startup()
    _run(request.arguments)


def _run(arguments: list[str]) -> None:
    """As the interpreter does it: https://docs.python.org/3/using/cmdline.html."""
    sys.orig_argv[:] = [sys.executable, *arguments]
    how = arguments[0]
    if how == "-m":
        sys.argv[:] = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif how == "-c":
        sys.argv[:], sys.path[0] = ["-c", *arguments[2:]], ""
        program = types.ModuleType("__main__")
        sys.modules["__main__"] = program
        exec(compile(arguments[1], "<string>", "exec"), vars(program))  # noqa: S102  the test's own program
    else:
        sys.argv[:], sys.path[0] = arguments, os.path.dirname(os.path.abspath(how))
        runpy.run_path(how, run_name="__main__")


if __name__ == "__main__":
    main()
