"""Child processes that open files from outside."""
