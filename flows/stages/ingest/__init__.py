"""Files in, scans out."""
