"""Zips and repositories, packed, unpacked and fetched; what they hold is hostile."""
