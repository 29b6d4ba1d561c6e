"""What an encoder is worth on this archive."""
