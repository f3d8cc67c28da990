"""Options of the verb that gives a model to a hub: push."""

from pathlib import Path

from pydantic import Field

from kogen.options.model import Options, cli_metadata, option

HUB = "Hub"


class PushOptions(Options):
    """Give a finished run, or an exported classifier, to a hub, where timm opens it."""

    model: Path = Field(
        description="folder of a finished run, or file that `kogen export --head` wrote",
        json_schema_extra=cli_metadata("Model", "", "argument"),
    )
    private: bool = option(False, "make the repository private; one that is there must be", HUB)
    revision: str = option("main", "branch to write to; made where there is none", HUB)
    force: bool = option(False, "write over another model that lies there", HUB)
