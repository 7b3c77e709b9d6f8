"""How many downloads there may be at once: each holds about a MiB of memory for as long as its client takes. Of one
person there are as many as a browser makes to one server over HTTP/1.1.

An answer of one part needs no place: it holds no more than any other answer, and the thumbnails of a page, which a
browser asks for all at once, are such.
"""

from core.errors import Unavailable
from core.places import Places


class TooManyDownloads(Unavailable):
    code, title = "overloaded", "Too many downloads go on at once."


downloads = Places("downloads", most=64, most_of_one=6, retry_after_ms=2000, full=TooManyDownloads)
