"""What is wrong with a document, and where."""


class ParseError(ValueError):
    """A value that cannot be read; `where` is its JSON path, `message` says what is wrong."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where
        self.message = message
