"""How work is handed out, and who may write."""
