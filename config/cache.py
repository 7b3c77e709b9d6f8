"""What the shared cache may hold: whole numbers."""


class WholeNumbers:
    """The serializer of the Redis cache, in place of Django's, which unpickles: whoever can write to Redis could run
    code in the server. Counts of failures are all that Parley keeps there.
    """

    def dumps(self, value: int) -> int:
        """The number as Redis keeps it; Redis itself can add to it. Raises TypeError for anything else."""
        if type(value) is not int:
            raise TypeError("only whole numbers are kept in the cache")
        return value

    def loads(self, data: bytes) -> int:
        """Raises ValueError for what is no number: not ours."""
        return int(data)
