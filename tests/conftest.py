"""Settings for all tests without root."""

from hypothesis import settings

# A busy machine is no defect: an example may take as long as it takes.
settings.register_profile("evpnd", deadline=None, print_blob=True)
settings.load_profile("evpnd")
