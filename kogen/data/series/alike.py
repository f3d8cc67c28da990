"""Whether the sets of a study are of one kind, and their series cut, sampled and named alike."""

from kogen.data.images import Images


def check_alike(images: Images, like: Images, title: str) -> None:
    """ValueError where a set cannot be seen by what learns from another: `title` is what people call it.

    A network would read windows of other lengths, rates, or with channels in another order, and be wrong without a
    word.
    """
    got, wanted = _facts(images), _facts(like)
    for name, value in got.items():
        other = wanted.get(name)
        if value and other and value != other:
            shown = [", ".join(one) if isinstance(one, tuple) else f"{one:g}" if name == "rate" else str(one)
                     for one in (value, other)]  # fmt: skip
            raise ValueError(f"{title} has {WORDS[name].format(shown[0])}, and the images to train on "
                             f"{WORDS[name].format(shown[1])}: {CURES[name]}")  # fmt: skip


WORDS = {"kind": "items of the kind {}", "length": "windows of {} samples", "rate": "{} samples a second"}
WORDS |= {"names": "the channels {}"}
CURES = {"kind": "give sets of one kind", "length": "cut them alike, ?window=N in the source"}
CURES |= {"rate": "bring them to one, ?rate=N in the source", "names": "name them in one order, ?channels=A,B"}


def _facts(images: Images) -> dict[str, object]:
    """What has to be alike, as far as it is known."""
    length = images.pixels.shape[2] if images.kind == "series" else 0
    return {"kind": images.kind, "length": length, "rate": images.rate, "names": images.channel_names}
