"""Settings for all tests without root."""

from hypothesis import HealthCheck, settings

# A busy machine is no defect: an example may take as long as it takes.
settings.register_profile(
    "evpnd",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("evpnd")
