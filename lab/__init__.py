"""containerlab's topology files, realised in network namespaces.

It calls evpnd by its command line alone. In reading order: ``document`` (YAML with
lines), ``checker`` and ``keys`` (what a file may say), ``reader`` with ``expand`` (the
file as a ``model``), ``support`` with ``images`` and ``management`` (what of it is
here, and what is not), ``deploy`` with ``links``, ``program``, ``init`` and ``health``
(bringing it up), ``place`` (where it is while it is up), ``expected``, ``checks`` and
``steps`` (what it is to do), ``picture``, and ``main`` (the commands).
"""
