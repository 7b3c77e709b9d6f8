"""Times in the admin: with seconds and by 24 hours, because whoever looks compares them with a log."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i:s"
