"""The services that a run can be tracked with, a file each: how it starts and what it shows."""

PROJECT = "alexnet_lightning"  # W&B's project, MLflow's experiment
