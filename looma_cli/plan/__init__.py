"""DECIDE: pure functions from what was observed to a list of steps. No clock, no I/O."""
