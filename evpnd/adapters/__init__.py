"""The outside world, one package for each thing in it."""
