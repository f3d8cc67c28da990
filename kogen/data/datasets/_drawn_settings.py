"""Settings of drawn sets: numbers within bounds, and whether what is asked for fits into memory."""

from typing import TypeVar

from kogen.common.system import machine_memory

Number = TypeVar("Number", int, float)


def parse_number(
    kind: type[Number], name: str, value: float | str | None, default: float, bounds: tuple[float, float], what: str
) -> Number:
    """The (whole) number meant by `value` (None: the default). ValueError for another text, or out of `bounds`."""
    least, most = bounds
    try:
        meant = kind(default if value is None else value)
        wrong = meant != (default if value is None else float(value)) or not least <= meant <= most
    except (ValueError, TypeError, OverflowError):  # a tuple, a text, a number beyond all numbers
        meant, wrong = kind(0), True
    wrong = wrong or isinstance(value, bool)
    if wrong:
        wanted = f"a number from {least:g} to {most:g}" if kind is float else f"a whole number from {least} to {most}"
        raise ValueError(f"{name} of the {what} is {repr(value)[:100]}, wanted {wanted}")
    return meant


def check_fits_in_memory(needs: int, what: str) -> None:
    """ValueError for more bytes than this machine can hold: every item is drawn before any is used."""
    if needs > (has := machine_memory()):
        raise ValueError(
            f"{what} need {needs / 1e9:,.1f} GB of memory, this machine has {has / 1e9:,.1f}: ask for a smaller n or "
            "size"
        )
