"""What files are, whether they are taken, and what of them is stored.

A file is looked at once, while it streams by, in flat memory. Three things have to agree: the content, the type the
client declares and the ending of the name; and all three have to be on one list (`kinds`). What is not recognised is
refused: there is no list of bad content to fall behind. Pictures come out without what was told about them - where,
when, with which device, by whom - because the people in them did not ask for that to be sent along.

    inspector = Inspector(clean_name(given), declared)
    for data in upload:
        store(inspector.update(data))
    rest, found = inspector.finish()

What this does not find is a harmful document of an accepted kind: that is the scanner's part.
"""

from attachments.inspection.durations import duration_ms
from attachments.inspection.inspector import Found, Inspector
from attachments.inspection.kinds import Family, Kind
from attachments.inspection.names import clean_name
from attachments.inspection.refusals import Damaged, ImageTooLarge, TypeMismatch, UnsupportedFile
from attachments.inspection.thumbnails import thumbnail
from attachments.inspection.waveforms import read_waveform

__all__ = [
    "Damaged",
    "Family",
    "Found",
    "ImageTooLarge",
    "Inspector",
    "Kind",
    "TypeMismatch",
    "UnsupportedFile",
    "clean_name",
    "duration_ms",
    "read_waveform",
    "thumbnail",
]
