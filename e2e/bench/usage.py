"""What a process has used of the processors so far."""

import time

# How Linux names the processor clock of another process: <linux/posix-timers.h>, CPUCLOCK_SCHED of the whole group of threads.
_SCHEDULED = 2


def cpu_s(pid: int) -> float:
    """In all its threads, also those that have ended, to the nanosecond; /proc/PID/stat counts in hundredths of a second."""
    return time.clock_gettime((~pid << 3) | _SCHEDULED)
