"""Cloud Scheduler: jobs that call an HTTP target by a cron line.

https://cloud.google.com/scheduler/docs
"""

from local_pipeline.scheduler.job import Job
from local_pipeline.scheduler.scheduler import Execution, Scheduler

__all__ = ["Execution", "Job", "Scheduler"]
