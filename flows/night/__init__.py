"""A night from preflight to report, and the clock that starts it."""
