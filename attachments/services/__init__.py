"""What happens to files when somebody asks for it: one function for each thing."""

from attachments.services.discarding import discard_file
from attachments.services.previewing import add_preview
from attachments.services.viewing import make_link, record_unreadable, view_file

__all__ = ["add_preview", "discard_file", "make_link", "record_unreadable", "view_file"]
