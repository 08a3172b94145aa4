"""Adapters to the outside, one package for each."""
