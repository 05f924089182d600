"""How long hypothesis searches: the same few examples on every run, or many new ones at night.

`HYPOTHESIS_PROFILE=nightly` searches twenty times as long, from a new seed each time.
"""

import os

from hypothesis import HealthCheck, settings

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

settings.register_profile("default", max_examples=100, derandomize=True, deadline=None, database=None)
settings.register_profile("nightly", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def on_a_server(share: float) -> settings:
    """Settings of a property whose examples each build a schema: `share` of the profile's examples."""
    count = max(1, round(settings().max_examples * share))
    return settings(max_examples=count, suppress_health_check=_SLOW)
