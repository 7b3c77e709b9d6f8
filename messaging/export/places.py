"""How many exports there may be at once: each holds a piece of somebody's data as long as its client takes over it.

Of one person there are two: one that was cut off may not have ended here when it is begun again.
"""

from core.errors import Unavailable
from core.places import Places


class TooManyExports(Unavailable):
    code, title = "overloaded", "Too many people take their data with them at once."


exports = Places("exports", most=16, most_of_one=2, retry_after_ms=30_000, full=TooManyExports)
