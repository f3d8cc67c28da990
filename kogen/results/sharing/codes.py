"""Codes: what stands in a bundle for the names and ids of a study."""

import hashlib
from collections.abc import Iterable
from itertools import count, product
from string import ascii_uppercase

from kogen.results.sharing.bundle_format import ID_LENGTH, ID_LETTERS


class Codes:
    """Codes under one salt: equal texts have equal codes, and the order of codes says nothing of that of names."""

    def __init__(self, salt: bytes, *, keep_names: bool = False) -> None:
        self.salt, self.keep_names = salt, keep_names

    def identity(self, text: str) -> str:
        """The code of an id, letters; without the salt nobody can tell which id it is of, not even by trying all."""
        digest = hashlib.blake2b(text.encode(), key=self.salt, digest_size=ID_LENGTH // 2).hexdigest()
        return "".join(ID_LETTERS[int(digit, 16)] for digit in digest)

    def shuffle(self, names: Iterable[str]) -> list[str]:
        """Each name once, in an order that only the salt knows."""
        return sorted(set(names), key=self.identity)

    def number(self, word: str, names: Iterable[str]) -> dict[str, str]:
        """Names to `set 1`, `set 2` ...; to themselves where names are kept."""
        if self.keep_names:
            return {name: name for name in names}
        return {name: f"{word} {place}" for name, place in zip(self.shuffle(names), count(1), strict=False)}

    def letter(self, word: str, names: Iterable[str]) -> dict[str, str]:
        """Names to `model A`, `model B` ... `model AA`, whether names are kept or not."""
        return {name: f"{word} {place}" for name, place in zip(self.shuffle(names), letters(), strict=False)}


def letters() -> Iterable[str]:
    """A, B ... Z, AA, AB ..."""
    return ("".join(each) for length in count(1) for each in product(ascii_uppercase, repeat=length))
