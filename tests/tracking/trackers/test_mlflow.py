"""MLflow: its client gets the numbers, the plan and the files back, from a database and from a file store."""

import json
import os
from pathlib import Path

import pytest
from tracked import train_tracked, wanted_values

from kogen.tracking.session import TrackTo, track

pytestmark = pytest.mark.filterwarnings("ignore")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")


@pytest.fixture(params=["database", "files"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where kogen keeps runs by itself, and a file store as a user may name it."""
    if request.param == "database":
        return f"sqlite:///{tmp_path / 'run' / 'tracking' / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    return (tmp_path / "store").as_uri()


def test_the_client_gets_the_table_back_as_one_run(address: str, tmp_path: Path):
    out = train_tracked(tmp_path / "run", "mlflow", stops=1)
    (tmp_path / "val~blur.txt").write_text("page")
    client = mlflow.MlflowClient(address)
    experiment = client.get_experiment_by_name("kogen")
    (run,) = client.search_runs([experiment.experiment_id])
    wanted, record = wanted_values(out), json.loads((out / "plan.json").read_text())
    assert set(run.data.metrics) == set(wanted)
    for name, values in wanted.items():
        history = sorted(client.get_metric_history(run.info.run_id, name), key=lambda one: one.step)
        assert {one.step: one.value for one in history} == values
        assert len(history) == len(values)
    assert run.info.status == "FINISHED"
    assert run.data.tags["kogen.run"].startswith(record["id"])
    assert run.data.params["method"] == "simclr"
    assert run.data.params["recipe.rate"] == str(record["recipe"]["rate"])
    assert mlflow.active_run() is None  # the user's own state is left alone


def test_files_and_names_of_sets_with_other_letters(tmp_path: Path):
    (tmp_path / "report.html").write_text("<p>page</p>")
    to = TrackTo(("mlflow",), tmp_path / "run", is_study=True)
    with track(to, "ab", "byol", {"a": 1}) as session:
        session.log_values(0, {"val~blur5/byol/value": 71.5})
        session.log_artefacts([tmp_path / "report.html"])
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'run' / 'tracking' / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("kogen").experiment_id])
    assert run.data.metrics == {"val_blur5/byol/value": 71.5}
    assert run.data.tags["kogen.group"] == json.loads((tmp_path / "run" / "tracking" / "study.json").read_text())["id"]
    place = client.download_artifacts(run.info.run_id, "report.html", str(tmp_path))
    assert Path(place).read_text() == "<p>page</p>"
