"""What keeps a backup from being made or restored."""


class Trouble(Exception):
    """In sentences for the operator. Nothing secret, and no name or text of anybody, is in them."""
