"""Questions of a clinician, and what a person says of the answers."""
