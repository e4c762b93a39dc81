"""What a provider sends, as it is read."""
