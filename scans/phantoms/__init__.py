"""A synthetic hospital archive with known truth, written as DICOM."""
