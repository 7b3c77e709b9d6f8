"""The scanner of files."""

from django.conf import settings

from config.doctor.checks import Asked, Finding, State, cannot_tell, check, not_applicable, ok

_NONE = "Files are not scanned."


def _if_there_is_one(found: str) -> Finding:
    return not_applicable(_NONE) if settings.ATTACHMENT_SCANNER == "none" else ok(found)


@check("scanner.on", "Files are scanned", takes={"parley.E007": State.ERROR})
def on(asked: Asked) -> Finding:
    return _if_there_is_one("They are.")


@check("scanner.answers", "The scanner answers", takes={"parley.W008": State.ERROR, "parley.W010": State.ERROR})
def answers(asked: Asked) -> Finding:
    return _if_there_is_one("It does.")


@check("scanner.signatures", "Its signatures are new", takes={"parley.E008": State.ERROR, "parley.W009": State.WARNING})
def signatures(asked: Asked) -> Finding:
    if "parley.W008" in asked.messages:
        return _silent()
    return _if_there_is_one("They are at most 7 days old.")


@check("scanner.objects", "It calls nothing clean that it did not look into", takes={"parley.E009": State.ERROR})
def objects(asked: Asked) -> Finding:
    if {"parley.W008", "parley.W010"} & asked.messages.keys():
        return _silent()
    return _if_there_is_one("It objects to archives that are encrypted, too deep or too large.")


@check("scanner.size", "It takes files as large as Parley does", takes={"parley.W016": State.ERROR})
def size(asked: Asked) -> Finding:
    if {"parley.W008", "parley.W010"} & asked.messages.keys():
        return _silent()
    return _if_there_is_one("It does.")


@check("scanner.network", "Files do not pass to it in the clear", takes={"parley.W013": State.WARNING})
def network(asked: Asked) -> Finding:
    return _if_there_is_one("It is on this host.")


def _silent() -> Finding:
    return cannot_tell("The scanner does not answer.", "See what scanner.answers says.")
