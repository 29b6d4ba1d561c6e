"""Which encoder serves: starters, training, promotion."""
