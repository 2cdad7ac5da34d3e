"""Checks: each module looks in histories for the mistake of one rule, whose code it names in `CODE`."""
