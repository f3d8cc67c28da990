"""Failures: every error has an exit code and a sentence, also one that says nothing itself."""

import pytest

from kogen.common.speech.failures import explain_error
from kogen.common.tasks import name_task


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "too little memory, or too few threads, while at decoding: MemoryError"),
        (MemoryError("no 4 GiB\nat all"), "too little memory, or too few threads, while at decoding: no 4 GiB"),
        (RuntimeError("can't start new thread"), "too little memory, or too few threads, while at decoding: can't"),
        (KeyError(), "broke off while at decoding: KeyError: "),
    ],
)
def test_an_error_of_few_words_has_a_sentence(error: Exception, sentence: str):
    with pytest.raises(type(error)), name_task("decoding"):
        raise error
    code, said = explain_error(error, ["pilot", "imgs/"])
    assert code == 1
    assert said.startswith(sentence)
