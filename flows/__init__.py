"""Order, retries, schedules and doors; no science."""
