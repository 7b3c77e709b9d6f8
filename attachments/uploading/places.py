"""How many uploads there may be at once: each has a thread, a connection to the storage and one to the scanner.

A place is taken when the file has begun: who has sent none of it takes nobody's. Of one person there are as many as
leave room for others, whose further files wait their turn: twice as many as the page brings at once, because what a
phone began before its line changed keeps its places for a minute more (LONGEST_STALL).
"""

from attachments.refusals import TooManyUploads
from core.places import Places

uploads = Places("uploads", most=16, most_of_one=4, retry_after_ms=5000, full=TooManyUploads)
