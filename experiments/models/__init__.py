"""The tables of experiments, cohort counts, results and decisions."""

from experiments.models.decision import Decision
from experiments.models.experiment import Arm, Experiment, ExperimentMetric
from experiments.models.exposure_count import ExposureCount
from experiments.models.job import Job
from experiments.models.result import Result

__all__ = [
    "Arm",
    "Decision",
    "Experiment",
    "ExperimentMetric",
    "ExposureCount",
    "Job",
    "Result",
]
