"""Values: identifiers, routes, rows, events, actions, configuration.

Standard library only; everything above imports from here and nothing here
imports from above.
"""
