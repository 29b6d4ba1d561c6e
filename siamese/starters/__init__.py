"""The encoders for a cold start: trained on phantoms alone, so everything they find is provisional."""
