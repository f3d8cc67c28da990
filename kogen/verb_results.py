"""What the verbs return: the mapping that JSON holds, its tables as frames, its figures, and a face in a notebook."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kogen.common.contracts import from_plain, to_plain
from kogen.common.tables import read_table
from kogen.results.judgement import Judgement
from kogen.results.sharing.share import SharedStudy

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from torch import Tensor, nn

    from kogen.reporting.charts import Figure
    from kogen.study.run_model import RunModel


class Result(dict[str, Any]):
    """What a verb returns: a mapping as ever, with `to_pandas`, `figure` and a face in a notebook."""

    default_table = "values"
    page = ""  # file in the folder

    def __init__(self, content: Mapping[str, Any], folder: Path | None = None, lang: str = "en") -> None:
        super().__init__(content)
        self.folder, self.lang = folder, lang

    def to_pandas(self, table: str = "") -> pd.DataFrame:
        """A table of the result, by default that of the values. ValueError lists all names for an unknown one."""
        known, name = self._tables(), table or self.default_table
        if name not in known:
            raise ValueError(f"no table {name!r} in this result: {_names(known)}")
        found = known[name]
        return pd.DataFrame(found) if isinstance(found, list) else read_table(found)

    def figure(self, name: str) -> "go.Figure":
        """A figure of the page as plotly's. ValueError lists the names of all for an unknown one."""
        from kogen.reporting.notebook import to_plotly

        known = self._figures()
        if name not in known:
            raise ValueError(f"no figure {name!r} on this page: {_names(known)}")
        return to_plotly(known[name])

    def _repr_html_(self) -> str:
        from kogen.reporting.notebook import summary_html

        page = str(self.folder / self.page) if self.folder and self.page else ""
        return summary_html(self._sentences(), self._judgement(), self.lang, page)

    def _sentences(self) -> list[str]:
        return list(self.get("words") or [])

    def _judgement(self) -> Judgement | None:
        plain = self.get("judgement")
        return from_plain(Judgement, plain, "the judgement of this result") if plain else None

    def _tables(self) -> "dict[str, list[Any] | Path]":
        """Name to rows, or to the file that holds them."""
        files = {file.stem: file for file in sorted(self.folder.glob("*.parquet"))} if self.folder else {}
        return files | self._rows()

    def _rows(self) -> dict[str, list[Any] | Path]:
        """The tables that the mapping itself holds: lists of rows, as they are written in JSON."""
        lists = {name: value for name, value in self.items() if isinstance(value, list) and value}
        return {name: value for name, value in lists.items() if all(isinstance(row, dict) for row in value)}

    def _figures(self) -> "dict[str, Figure]":
        return {}


class StudyResult(Result):
    """The verdict on a study: what verdict.json holds."""

    page = "report.html"

    def _figures(self) -> "dict[str, Figure]":
        from kogen.reporting.study.page import compose
        from kogen.reporting.study.runs import kind_of_study
        from kogen.reporting.words import words_for

        if not self.folder:
            return {}
        with words_for(kind_of_study(self.folder)):
            return compose(self.folder, self.lang)[0]


class LotteryResult(Result):
    """The judgement on a table of results."""

    page = "report.html"

    def _figures(self) -> "dict[str, Figure]":
        from kogen.reporting.lottery.page import compose

        return compose(self.folder, self.lang)[0] if self.folder else {}


class LandscapeResult(Result):
    """What was measured of a landscape; its values are those of its geometry."""

    default_table, page = "geometry", "landscape.html"

    def _figures(self) -> "dict[str, Figure]":
        return self._composed()[0]

    def _sentences(self) -> list[str]:
        decision = self._composed()[1].get("decision", {})
        return [words for words in (decision.get("headline"), decision.get("sure"), decision.get("next")) if words]

    def _composed(self) -> "tuple[dict[str, Figure], dict[str, Any]]":
        from kogen.reporting.landscape.page import compose

        return compose(self.folder, self.lang) if self.folder and self else ({}, {})


class AuditResult(Result):
    """What audit.json holds; its values are the runs with what each rests on."""

    default_table, page = "runs", "audit.html"

    def _tables(self) -> "dict[str, list[Any] | Path]":
        return self._rows()


class ShareResult(Result):
    """The manifest of a bundle, with its path; its values are the sets with their numbers."""

    default_table = "sets"

    def __init__(self, shared: SharedStudy, place: Path) -> None:
        plain = to_plain(shared.manifest) | {"path": str(place), "bytes": shared.bytes, "searched": shared.searched}
        super().__init__(plain | {"words": shared.words})


class PoolResult(Result):
    """What pool.json holds; its values are those of each method at each site."""

    page = "report.html"

    def _figures(self) -> "dict[str, Figure]":
        from kogen.reporting.pool.page import compose

        return compose(self.folder, self.lang)[0] if self.folder else {}


class PriorResult(Result):
    """What prior.json holds; its values are the methods in the order to try them."""

    default_table = "ranking"


class ComparisonResult(Result):
    """Whether an update is safe; its values are those of all images (name "") and of each class."""

    def _tables(self) -> "dict[str, list[Any] | Path]":
        return {"values": [self["overall"], *self["classes"]]}

    def _sentences(self) -> list[str]:
        return [f"{self['verdict']}", self["sentence"]]


class TrainedRun(Result):
    """The summary of a training, with the network that it made; the values are those of each epoch."""

    default_table = "training"

    @property
    def backbone(self) -> "nn.Module":
        """The trained network in eval mode: what `preprocess` makes, (B, C, H, W), to features (B, D)."""
        return self._model.backbone

    def preprocess(self, images: Any) -> "Tensor":
        """What the network is given of images (a path, an array, a data set ...): (N, C, H, W) float32."""
        return self._model.preprocess(images)

    def embed(self, images: Any) -> Any:
        """Features (N, D) float32 of images, an array."""
        return self._model.embed(images)

    def _sentences(self) -> list[str]:
        speed = self.get("images_per_second")
        said = f"{self.get('status')}: {self.get('minutes', 0):.1f} min" + (f", {speed:.0f} images/s" if speed else "")
        return [said, *(alarm["text"] for alarm in self.get("alarms", []))]

    @cached_property
    def _model(self) -> "RunModel":
        from kogen.study.run_model import RunModel

        if self.folder is None:
            raise ValueError("this result does not say in which folder its run is: open it with kogen.Embedder(FOLDER)")
        return RunModel(self.folder)


def _names(known: Mapping[str, Any]) -> str:
    """The names that may be asked for."""
    return f"choose one of {', '.join(sorted(known))}" if known else "it has none"
