"""How long hypothesis searches: the same few examples on every run, or many new ones at night.

`HYPOTHESIS_PROFILE=nightly` searches twenty times as long, from a new seed each time. `debug` is like the
default, and makes what failed as small as it gets even where that takes many minutes.
"""

import os

from hypothesis import HealthCheck, Phase, settings

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

settings.register_profile("default", max_examples=100, derandomize=True, deadline=None, database=None)
settings.register_profile("nightly", max_examples=2000, derandomize=False, deadline=None, print_blob=True)
settings.register_profile("debug", settings.get_profile("default"))
_PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
settings.load_profile(_PROFILE)


def on_a_server(share: float) -> settings:
    """Settings of a property whose examples each build a schema: `share` of the profile's examples at night,
    fewer by day."""
    count = max(1, round(settings().max_examples * share * (1 if _PROFILE == "nightly" else 0.4)))
    return settings(max_examples=count, suppress_health_check=_SLOW)


def in_batches(usual: int, nightly: int) -> settings:
    """Settings of a property whose examples take seconds each: so many of them, and the first that fails
    is told as it is, unless the profile is `debug`."""
    phases = (Phase.generate, *((Phase.shrink,) if _PROFILE == "debug" else ()))
    return settings(
        max_examples=nightly if _PROFILE == "nightly" else usual,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
