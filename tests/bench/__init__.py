"""Ratios between things that are run side by side."""
