"""The machine this runs on, as it is for a process like this one."""

import resource
import shutil
import stat

from django.conf import settings

from config.doctor.checks import Asked, Finding, check, error, ok, warning

_GIB = 1 << 30
_TIGHT = 5
_FEW, _ENOUGH = 1024, 8192
"""Open files. A socket of a client is one; beside them a process has a hundred or two."""

_core_at_start = resource.getrlimit(resource.RLIMIT_CORE)[0]
"""Before this process forbade them for itself."""


@check("machine.disk", "The disk of DATA_DIR has room")
def disk(asked: Asked) -> Finding:
    free, keep = shutil.disk_usage(settings.DATA_DIR).free, settings.STORAGE_KEEP_FREE
    found = f"{free / _GIB:.1f} GiB are free."
    if free <= keep:
        return error(f"{found} With less than STORAGE_KEEP_FREE no file is taken.", "Make room, or add a disk.")
    if free <= keep * _TIGHT:
        return warning(f"{found} That is less than {_TIGHT} times STORAGE_KEEP_FREE.", "Make room, or add a disk.")
    return ok(found)


@check("machine.data_dir", "DATA_DIR is the server's alone")
def data_dir(asked: Asked) -> Finding:
    if settings.DATA_DIR.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return error("Other users of the machine can enter DATA_DIR.", "chmod 700 it.")
    return ok("It is.")


@check("machine.open_files", "There may be as many open files as sockets")
def open_files(asked: Asked) -> Finding:
    """Of this shell. systemd's units have a limit of their own: LimitNOFILE."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    remedy = "Raise it: LimitNOFILE=65536 in the unit, ulimits in compose.yaml, or ulimit -n."
    if limit == resource.RLIM_INFINITY or limit >= _ENOUGH:
        return ok("There may.")
    found = f"A process may have {limit} open files."
    return error(found, remedy) if limit < _FEW else warning(found, remedy)


@check("machine.core_dumps", "A crash writes no image of memory, which would hold the keys")
def core_dumps(asked: Asked) -> Finding:
    """`serve` and `work` see to it by themselves; other commands have the keys too."""
    if _core_at_start:
        return warning("Commands run here may leave core dumps.", "LimitCORE=0 in the unit, or ulimit -c 0.")
    return ok("It does not.")
