"""A script for SLURM that does each run of a study in a task of its own."""

import shlex
import sys
from pathlib import Path

from kogen.common.files import read_sealed_json, write_atomically
from kogen.common.outputs import STAMP, claim_file
from kogen.common.records import PLAN_ANEW, PLANNED
from kogen.options.study import SubmitOptions
from kogen.results.asked import FIRST

SCRIPT = """#!/bin/bash
# {stamp}
# A task for each run of a study. Add what your cluster wants (--partition, --account, --time), then
# `sbatch {script}`, and when all are done `{program} report {study}`.
#SBATCH --job-name=kogen
#SBATCH --array=0-{last}{limit}
#SBATCH --output={folder}/slurm-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --cpus-per-task={cpus}{gpus}
#SBATCH --requeue
#SBATCH --signal=B:TERM@120

export OMP_NUM_THREADS="${{SLURM_CPUS_PER_TASK:-{cpus}}}"
{program} run {study} --index "$SLURM_ARRAY_TASK_ID" --processes 1 &
run=$! told=
trap 'told=yes; kill -TERM "$run"' TERM  # the time is nearly over: the run saves what it did
wait "$run"; code=$?
while [ -n "$told" ]; do told=; wait "$run"; code=$?; done  # a signal ends `wait` before the run
if [ "$code" -eq 75 ]; then  # stopped and saved: it goes on there
  scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"""


def write_submission(study: Path, options: SubmitOptions) -> Path:
    """Write the script for the runs of a study; its path.

    ValueError where no runs are planned, and where a file stands there that kogen did not write.
    """
    if not (study / PLANNED).exists():
        raise ValueError(
            f"{study} has no planned runs (no {PLANNED}): kogen pilot ... --out {study} --prepare plans them"
        )
    count, out = len(read_sealed_json(study / PLANNED, PLAN_ANEW)["runs"]), options.out or study / "study.sbatch"
    claim_file(out, [study / FIRST], force=options.force)
    folder = study.resolve()
    text = SCRIPT.format(
        stamp=STAMP,
        script=shlex.quote(str(out)),
        program=f"{shlex.quote(sys.executable)} -m kogen",
        study=shlex.quote(str(folder)),
        folder=folder,
        last=count - 1,
        limit=f"%{options.at_once}" if options.at_once else "",
        cpus=options.cpus,
        gpus=f"\n#SBATCH --gpus-per-task={options.gpus}" if options.gpus else "",
    )
    write_atomically(out, lambda place: place.write_text(text, encoding="utf-8"))
    return out
