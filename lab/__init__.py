"""containerlab's topology files, realised in network namespaces.

It calls evpnd by its command line alone. In reading order: ``document`` (YAML with
lines), ``checker`` and ``keys`` (what a file may say), ``reader`` with ``cables`` and
``expand`` (the file as a ``model``), ``support`` (what cannot be run here), ``deploy``
with ``management``, ``links``, ``program``, ``init`` and ``health`` (bringing it up),
``place`` (where it is while it is up), ``expected`` and ``checks`` (what it is to do),
``picture``, and ``main`` (the commands).
"""
