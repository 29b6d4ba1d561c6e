"""Lists and labels in, what an encoder is worth out."""
