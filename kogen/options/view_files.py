"""Sets of views in a file, `--views mine.toml`: written out as settings of a set, so that runs do not need it."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

SIDES = ("first", "second")
WANTED = (
    'views = "natural", then any of without = ["flip"], blur = 0.5, crop = [0.5, 1.0], and tables [first], [second]'
)


def resolve_views(asked: str) -> str:
    """The set of views as `NAME?key=value&...`, read from a file where it is one. ValueError for what is no such file.

    The file has `views`, the set to begin with, and settings as `change_views` of kogen.augmentation takes them; those
    in a table `first` or `second` are for that view alone.
    """
    if not asked.endswith(".toml"):
        return asked
    from kogen.common.files import read_toml  # loads pandas, which --help does not need

    told = read_toml(Path(asked))
    name = told.pop("views", None)
    if not isinstance(name, str) or not name or name.endswith(".toml"):
        raise ValueError(f"{asked}: views = {name!r} names no set to begin with: wanted {WANTED}")
    settings = {}
    for key, value in told.items():
        own = value if key in SIDES and isinstance(value, dict) else {"": value}
        settings |= {f"{key}_{inner}" if inner else key: write_value(asked, key, one) for inner, one in own.items()}
    query = "&".join(f"{key}={value}" for key, value in settings.items())
    return f"{name}{'&' if '?' in name else '?'}{query}" if query else name


def write_value(file: str, key: str, value: Any) -> str:
    """A value as a setting writes it. ValueError for a table, a date or a text that a setting cannot hold."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(write_value(file, key, one) for one in value)
    if isinstance(value, int | float) or (isinstance(value, str) and not set("?&=") & set(value)):
        return str(value)
    raise ValueError(f"{file}: {key} = {value!r} is no setting of views: wanted {WANTED}")


ViewSet = Annotated[str, AfterValidator(resolve_views)]
