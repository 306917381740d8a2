"""The one error of reading from Studio and of starting it."""

from __future__ import annotations


class StudioError(Exception):
    """Studio could not do what it was asked for.

    `code` is stable and what to branch on; the text is for people. Codes come from the server (`docs/http-api.md`) or
    from here:

    * `unreachable`: nothing answers at the URL
    * `no_studio`: something else than Studio answers there
    * `broken_off`: the answer ended before its end
    * `invalid_url`: not a URL of a server
    * `no_data_dir`: there is no data directory of Studio at the path
    * `data_dir_in_use`: another process, or this one, has the data directory open
    * `port_in_use`, `cannot_listen`, `token_needed`: a server can't listen there
    * `failed`: a server in this process has failed
    """

    def __init__(
        self, code: str, detail: str, *, status: int | None = None, position: int | None = None, expected: list[str] | None = None
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.status = status
        """The HTTP status, where a server answered."""
        self.position = position
        """With `invalid_condition`: where in the condition, in UTF-16 code units."""
        self.expected = expected
        """With `invalid_condition`: words that could stand there."""

    def __str__(self) -> str:
        return f"{self.detail} [{self.code}]"
