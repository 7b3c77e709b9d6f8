"""Where the bytes of files lie."""

import stat
from http.client import HTTPException
from urllib.parse import urlsplit

from django.conf import settings

from config.checks import storage_address
from config.doctor.asking import get
from config.doctor.checks import Asked, Finding, State, cannot_tell, check, error, not_applicable, ok


@check("storage.keeps", "The storage keeps an object, gives it back and removes it", takes={"parley.W012": State.ERROR})
def keeps(asked: Asked) -> Finding:
    return ok("It does.")


@check("storage.tls", "The storage is reached by TLS", takes={"parley.W011": State.WARNING})
def tls(asked: Asked) -> Finding:
    if settings.STORAGE_PROVIDER == "local":
        return not_applicable("Files lie on a disk.")
    return ok("It is, or it is on this machine.")


@check(
    "storage.links",
    "Links to files lead to this server, and pages may show what is there",
    takes={"parley.W014": State.ERROR, "parley.W015": State.WARNING},
)
def links(asked: Asked) -> Finding:
    return ok("They do." if settings.FILES_ORIGIN else "They lead to where the page is.")


@check("storage.private", "Nobody else can list or read the files")
def private(asked: Asked) -> Finding:
    """Asked as a stranger. What lies there is sealed; how much, and of when, is not."""
    return _folder_is_private() if settings.STORAGE_PROVIDER == "local" else _bucket_is_private()


def _folder_is_private() -> Finding:
    folder = settings.DATA_DIR / "files"
    if not folder.exists():
        return ok("There is none yet.")
    if folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return error("Other users of this machine can enter the folder of files.", "chmod 700 it.")
    return ok("Nobody else can enter their folder.")


def _bucket_is_private() -> Finding:
    try:
        status = get(_list_of_objects()).status
    except (OSError, HTTPException) as failure:
        return cannot_tell(f"The bucket cannot be asked as a stranger ({type(failure).__name__}).", _LOOK)
    if status == 200:
        return error("Anybody may list the bucket.", "Take public access away from it.")
    if 400 <= status < 500:
        return ok("A stranger may not list the bucket.")
    return cannot_tell(f"The storage answers a stranger with {status}.", _LOOK)


_LOOK = "Look at the rights of the bucket yourself."


def _list_of_objects() -> str:
    """What a stranger would ask for, as each of them spells it."""
    bucket = settings.STORAGE_BUCKET
    if settings.STORAGE_PROVIDER == "gcs":
        return f"https://storage.googleapis.com/storage/v1/b/{bucket}/o?maxResults=1"
    if settings.STORAGE_PROVIDER == "azure":
        return f"{_azure_endpoint()}/{bucket}?restype=container&comp=list&maxresults=1"
    region = settings.STORAGE_S3_REGION or "us-east-1"
    endpoint = settings.STORAGE_S3_ENDPOINT or f"https://s3.{region}.amazonaws.com"
    return f"{endpoint.rstrip('/')}/{bucket}?list-type=2&max-keys=1"


def _azure_endpoint() -> str:
    address = storage_address().rstrip("/")
    host = urlsplit(address).netloc
    return address if "." in host or ":" in host else f"{address}.blob.core.windows.net"
