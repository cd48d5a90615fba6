"""What Hydra's sweepers are told about a job, and what they can read from it."""

from hydra.core.utils import JobReturn, JobStatus

from irnn.sweeps.job import FAILED, Job, objective


class JobFailedError(RuntimeError):
    """What a sweeper finds in the place of a failed job's objective."""


class JobLeftError(JobFailedError):
    """In that place for a job that was stopped or never begun, and can be asked for again."""


def as_return(job: Job) -> JobReturn:
    """Turn a job into what Hydra's sweepers expect of a launcher."""
    returned = JobReturn(overrides=list(job.overrides))
    if job.done:
        assert job.result is not None
        returned.status, returned.return_value = JobStatus.COMPLETED, objective(job.result)
    else:
        kind = JobFailedError if job.state == FAILED else JobLeftError
        returned.status = JobStatus.FAILED
        returned.return_value = kind(f"{job.label}: {job.error or job.state}")
    return returned


def error_of(returned: JobReturn) -> BaseException | None:
    """Give what a job of any launcher raised; reading its value raises it."""
    try:
        value = returned.return_value
    except BaseException as error:
        return error
    return value if isinstance(value, BaseException) else None
