"""What the operator asks, corrects and repairs."""
