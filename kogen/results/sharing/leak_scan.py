"""The scan of a bundle's bytes for what must not be in it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

HEAD = 6  # bytes: shorter texts stand in a large file by chance, and are looked for in cells alone
CHUNK = 1 << 20


def find_texts(content: bytes, texts: Iterable[bytes]) -> list[bytes]:
    """Those of the texts (of HEAD bytes or more) that stand anywhere in the content, in letters of either case."""
    small, known = content.lower(), defaultdict(list)
    for text in texts:
        known[_number(text[:HEAD].lower())].append(text)
    heads, found = np.array(sorted(known), dtype=np.uint64), set[bytes]()
    for start, number in _windows(small, heads):
        found |= {text for text in known[number] if small.startswith(text.lower(), start)}
    return sorted(found)


def _windows(content: bytes, heads: np.ndarray) -> Iterator[tuple[int, int]]:
    """Where one of the heads begins, and which; all windows of a chunk are compared at once."""
    whole = np.frombuffer(content, dtype=np.uint8)
    for start in range(0, max(len(whole) - HEAD + 1, 0), CHUNK):
        part = whole[start : start + CHUNK + HEAD - 1].astype(np.uint64)
        count = len(part) - HEAD + 1
        numbers = np.zeros(count, dtype=np.uint64)
        for place in range(HEAD):
            numbers = (numbers << np.uint64(8)) | part[place : place + count]
        for hit in np.flatnonzero(np.isin(numbers, heads)):
            yield start + int(hit), int(numbers[hit])


def _number(head: bytes) -> int:
    """Bytes as one number."""
    return int.from_bytes(head, "big")
