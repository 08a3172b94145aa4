"""YAML to values, with the line of every key, and errors that name it.

Read `reader`, `scalars`, `syntax` for YAML 1.2; `errors` and `findings` for what is
wrong with a file; `values`, `section` and `shape` for what keys take and how a
document is held against the models. `config` and `policy_files` stand on it.
"""
