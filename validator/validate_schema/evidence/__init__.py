"""What only a connection tells: bounded counts in the tenants' rows, gathered before the checks run."""

from .rows import gather as gather
