"""The launch: what torchrun's and srun's variables say, and a sentence for those that are incomplete or odd."""

import pytest

from kogen.common.launch import ALONE, first_host, ignored_tasks, read_launch

TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29500",
}
SRUN = {
    "SLURM_NTASKS": "3",
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NODELIST": "gpu[03-05,9],cpu1",
    "SLURM_JOB_ID": "123456",
    "SLURM_STEP_ID": "1",
}


def without(env: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in names}


def test_torchrun_says_the_place_of_a_process_also_inside_a_step_of_srun():
    for env in (TORCHRUN, SRUN | TORCHRUN):
        launch = read_launch(env=env)
        assert (launch.starter, launch.rank, launch.size, launch.local_rank) == ("torchrun", 3, 4, 1)
        assert (launch.address, launch.port) == ("node1", 29500)
        assert read_launch(4, env) == launch


def test_srun_says_the_place_of_a_process():
    launch = read_launch(env=SRUN)
    assert (launch.starter, launch.rank, launch.size, launch.local_rank) == ("srun", 2, 3, 1)
    assert launch.address == "gpu03"
    others = [read_launch(env=SRUN | {"SLURM_PROCID": rank, "SLURM_LOCALID": "0"}) for rank in "01"]
    assert {other.port for other in others} == {launch.port}  # all know it without asking
    assert launch.port != read_launch(env=SRUN | {"SLURM_STEP_ID": "2"}).port
    given = read_launch(env=SRUN | {"MASTER_ADDR": "::1", "MASTER_PORT": "7000"})
    assert (given.address, given.port) == ("::1", 7000)


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("a1,a2", "a1"), ("a[1-3]", "a1"), ("a[07,9]-b,c", "a07-b"), ("n", "n"), ("r[2]c[1-4]", "r2c1")],
)
def test_the_first_host_of_a_list(nodes, first):
    assert first_host(nodes) == first


def test_nobody_started_this_process():
    for env in ({}, {"MASTER_ADDR": "a", "MASTER_PORT": "1"}, {"SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "1"}):
        assert read_launch(env=env) is ALONE
        assert ignored_tasks(env) == ""


def test_tasks_of_a_job_without_srun_work_alone_and_say_so():
    shell = {"SLURM_NTASKS": "4", "SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NNODES": "2"}
    assert read_launch(env=shell) is ALONE
    assert ignored_tasks(shell) == "SLURM_NTASKS=4, but this process was not started by srun: it works alone"
    for other in (shell | {"SLURM_NTASKS": "1"}, shell | {"SLURM_NTASKS": "x"}, SRUN, shell | TORCHRUN):
        assert ignored_tasks(other) == ""


@pytest.mark.parametrize("env", [TORCHRUN, SRUN, {"RANK": "0"}, {"WORLD_SIZE": "x"}, SRUN | {"SLURM_PROCID": ""}])
def test_one_process_ignores_all_variables(env):
    assert read_launch(1, env) is ALONE


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"RANK": "0"}, "RANK=0, but WORLD_SIZE, .*MASTER_PORT are not set: start all .* torchrun, unset RANK, WORLD"),
        ({"WORLD_SIZE": "2"}, r"WORLD_SIZE=2, but RANK, .* or give --processes 1 to work alone"),
        (without(TORCHRUN, "MASTER_PORT"), "but MASTER_PORT is not set"),
        (TORCHRUN | {"MASTER_ADDR": ""}, "but MASTER_ADDR is not set"),
        (TORCHRUN | {"RANK": "4"}, "RANK='4' with WORLD_SIZE=4, wanted a whole number from 0 to 3"),
        (TORCHRUN | {"RANK": "-1"}, "RANK='-1'"),
        (TORCHRUN | {"RANK": "１"}, "RANK='１'"),
        (TORCHRUN | {"WORLD_SIZE": "two"}, "WORLD_SIZE='two', wanted a whole number from 1 to 65536"),
        (TORCHRUN | {"WORLD_SIZE": "0"}, "WORLD_SIZE='0'"),
        (TORCHRUN | {"WORLD_SIZE": "9" * 5000}, "WORLD_SIZE='999"),
        (TORCHRUN | {"LOCAL_WORLD_SIZE": "5"}, "LOCAL_WORLD_SIZE='5' with WORLD_SIZE=4"),
        (TORCHRUN | {"LOCAL_RANK": "2"}, "LOCAL_RANK='2' with LOCAL_WORLD_SIZE=2, wanted a whole number from 0 to 1"),
        (TORCHRUN | {"MASTER_PORT": "70000"}, "MASTER_PORT='70000', wanted a whole number from 1 to 65535"),
        (TORCHRUN | {"MASTER_ADDR": "a b"}, "MASTER_ADDR='a b', wanted the name of a machine"),
        (without(SRUN, "SLURM_PROCID", "SLURM_JOB_ID"), "but SLURM_PROCID, SLURM_JOB_ID are not set: .* with one srun"),
        (SRUN | {"SLURM_PROCID": "3"}, "SLURM_PROCID='3' with SLURM_STEP_NUM_TASKS=3"),
        (SRUN | {"SLURM_STEP_NUM_TASKS": "3(x2)"}, "SLURM_STEP_NUM_TASKS='3.x2.', wanted"),
    ],
)
def test_incomplete_and_odd_variables_are_a_sentence(env, words):
    with pytest.raises(ValueError, match=words):
        read_launch(env=env)


def test_another_number_of_processes_than_was_started():
    with pytest.raises(
        ValueError, match=r"--processes 2, but torchrun started 4: start 2 with torchrun --nproc-per-node=2"
    ):
        read_launch(2, TORCHRUN)
    with pytest.raises(ValueError, match=r"--processes 3, but this process was started alone: start 3 with torchrun"):
        read_launch(3, {})
