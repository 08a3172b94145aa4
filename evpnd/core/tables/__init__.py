"""What the kernel's tables hold for an EVI, as state that knows nobody.

Read `drift` and `reading`. `core/kernel` fills the tables and writes the difference.
"""
