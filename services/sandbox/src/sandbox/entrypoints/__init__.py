"""What comes in: requests and events on the bus, visitors of previews."""
