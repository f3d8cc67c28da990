"""PNG files without their texts: what is written about an image is no reason not to see it."""

import io
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # and the colour profile, which nobody applies


def drop_texts(file: BinaryIO) -> BinaryIO | None:
    """A PNG file without its chunks of text (PNG, 3rd ed., section 5); None where it has none, or is no PNG."""
    file.seek(0)
    if file.read(8) != SIGNATURE:
        return None
    kept, dropped = [SIGNATURE], False
    while head := file.read(8):
        rest = file.read(int.from_bytes(head[:4], "big") + 4)  # data and checksum; no more than there is
        if head[4:] in TEXTS:
            dropped = True
        else:
            kept += [head, rest]
    return io.BytesIO(b"".join(kept)) if dropped else None
