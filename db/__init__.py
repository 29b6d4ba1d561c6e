"""Plain values in and out: everything that is kept, in SQLite or PostgreSQL."""
