"""Why a file is not taken: two answers about its type, one about its size on the screen."""

from core.errors import TooLarge, UnsupportedMediaType


class UnsupportedFile(UnsupportedMediaType):
    """Its kind, its name or its build is not on the list. A repeat with the same file fails again."""

    code, title = "unsupported_type", "Files of this kind are not accepted."


class TypeMismatch(UnsupportedFile):
    """Content, declared type and the ending of the name say different things: somebody is to be deceived."""

    code, title = "type_mismatch", "The file is not what its name or its declared type says."


class Damaged(UnsupportedFile):
    """A picture that cannot be read to its end. What is not understood may hold what has to be removed."""

    title = "The picture is damaged or incomplete."


class ImageTooLarge(TooLarge):
    """So many pixels that a device would run out of memory showing it, however small the file is."""

    code, title = "image_too_large", "The picture has too many pixels."
