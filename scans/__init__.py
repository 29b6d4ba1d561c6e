"""DICOM files in, volumes out."""
