"""Patterns that clients send for names, matched in time linear in the name: none can stop the simulator for others."""

from __future__ import annotations

from collections.abc import Iterable

import re2  # Python's own ``re`` takes exponential time for some expressions, and cannot be stopped

from navisplit.errors import UsageError


class Pattern:
    """A regular expression for whole names, as std::regex_match; without look-ahead and back references."""

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        """Raises UsageError for what is not such an expression."""
        options = re2.Options()
        options.case_sensitive, options.log_errors = not ignore_case, False
        try:
            self._expression = re2.compile(text, options)
        except (re2.error, UnicodeError) as error:
            reason = error.args[0] if error.args else error
            shown = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else reason
            raise UsageError(f"regex_error: {shown}") from None

    @classmethod
    def wildcard(cls, text: str) -> Pattern:
        """``*`` and ``?`` in either case, as Unreal's names are asked for."""
        parts = {"*": ".*", "?": "."}
        whole = "".join(parts.get(letter, re2.escape(letter)) for letter in text)
        return cls(f"(?s){whole}", ignore_case=True)

    def fits(self, name: str) -> bool:
        """Whether it matches a name from end to end."""
        return self._expression.fullmatch(name) is not None

    def among(self, names: Iterable[str]) -> list[str]:
        """Those that it matches."""
        return [name for name in names if self.fits(name)]
