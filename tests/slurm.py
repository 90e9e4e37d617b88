"""A real SLURM on this machine: controller, two nodes, jobs."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
CONF = """
ClusterName=itest
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={root}/munge/munge.sock
SlurmctldPort=16817
SlurmctldPidFile={root}/run/slurmctld.pid
SlurmctldLogFile={root}/log/slurmctld.log
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool/%n
SlurmdPidFile={root}/run/slurmd-%n.pid
SlurmdLogFile={root}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=2
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
ReturnToService=2
JobRequeue=1
KillWait=5
MinJobAge=300
SlurmctldTimeout=30
SlurmdTimeout=60
InactiveLimit=0
NodeName=127.0.0.[1-2] NodeHostname={host} NodeAddr=127.0.0.[1-2] Port=[17001-17002] CPUs=4 \
RealMemory=4000 State=UNKNOWN
PartitionName=test Nodes=127.0.0.[1-2] Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES
"""
NODES = ("127.0.0.1", "127.0.0.2")


def missing() -> str | None:
    """Why there can be no SLURM here, or None."""
    lacking = [name for name in DAEMONS if shutil.which(name) is None]
    if lacking:
        return f"needs Debian's slurmctld, slurmd, slurm-client and munge ({lacking[0]} is missing)"
    return None if os.geteuid() == 0 else "its daemons need root"


class Slurm:
    """Commands to a running cluster."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = os.environ | {"SLURM_CONF": str(root / "etc" / "slurm.conf")}

    def run(self, *command: str) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def submit(self, folder: Path, *command: str, **environment: str) -> int:
        """Hand in a batch script from `folder`; return the job's number."""
        done = subprocess.run(
            ["sbatch", "--parsable", *command],
            env=self.environment | environment,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    def state(self, job: int) -> str:
        """One word, as RUNNING or COMPLETED."""
        shown = self.run("scontrol", "show", "job", str(job))
        return shown.partition("JobState=")[2].split()[0]

    def wait(self, job: int, seconds: float = 120) -> str:
        """Wait until a job has ended; return how. One that waits to run again is hurried."""
        until = time.monotonic() + seconds
        pending_from = time.monotonic()
        while time.monotonic() < until:
            state = self.state(job)
            if state in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"):
                return state
            if state != "PENDING":
                pending_from = time.monotonic()
            # Not at once: a start within the second of its requeue fails ("credential revoked"),
            # for slurmd tells the new credential from the old by its second.
            elif time.monotonic() > pending_from + 2:
                hurry = ("scontrol", "update", f"JobId={job}", "StartTime=now")
                subprocess.run(hurry, env=self.environment, capture_output=True)
            time.sleep(0.3)
        raise TimeoutError(f"job {job} is {state} after {seconds} s")


@contextmanager
def running(root: Path) -> Iterator[Slurm]:
    """Start a cluster under an empty folder and stop it in the end."""
    for name in ("etc", "run", "log", "state", "munge", *(f"spool/{node}" for node in NODES)):
        (root / name).mkdir(parents=True)
    host = socket.gethostname().partition(".")[0]
    (root / "etc" / "slurm.conf").write_text(CONF.format(root=root, host=host))
    key = root / "munge" / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    (root / "munge").chmod(0o700)
    slurm = Slurm(root)
    places = {
        "key-file": key,
        "socket": root / "munge" / "munge.sock",
        "pid-file": root / "run" / "munged.pid",
        "log-file": root / "munge" / "munged.log",
        "seed-file": root / "munge" / "munged.seed",
    }
    try:
        slurm.run("munged", "--force", *(f"--{name}={path}" for name, path in places.items()))
        slurm.run("slurmctld", "-c")
        for node in NODES:
            slurm.run("slurmd", "-N", node)
        until = time.monotonic() + 30
        while len(slurm.run("sinfo", "-h", "-N", "-t", "idle", "-o", "%N").split()) < len(NODES):
            assert time.monotonic() < until, slurm.run("sinfo")
            time.sleep(0.1)
        yield slurm
    finally:
        for pid in (root / "run").glob("*.pid"):
            subprocess.run(["kill", pid.read_text().strip()], capture_output=True)
