"""The scan against Python's own search, over drawn bytes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kogen.results.sharing import leak_scan
from kogen.results.sharing.leak_scan import HEAD, find_texts

TEXTS = st.lists(st.text("abAB1é", min_size=HEAD, max_size=9).map(str.encode).filter(lambda text: len(text) >= HEAD))


@given(st.text("abAB1é", max_size=60).map(str.encode), TEXTS)
def test_it_finds_what_a_plain_search_finds(content: bytes, texts: list[bytes]):
    assert find_texts(content, texts) == sorted({one for one in texts if one.lower() in content.lower()})


def test_it_finds_texts_over_the_seams_of_chunks_and_at_both_ends(monkeypatch):
    monkeypatch.setattr(leak_scan, "CHUNK", 16)
    content = np.random.default_rng(0).bytes(100).replace(b"z", b"y")
    for place in range(0, 90):
        hidden = content[:place] + b"zanzibar" + content[place:]
        assert find_texts(hidden, [b"Zanzibar", b"zanzibaz"]) == [b"Zanzibar"]
    assert find_texts(b"zanzib", [b"zanzibar"]) == []
    assert find_texts(b"", [b"zanzibar"]) == []
