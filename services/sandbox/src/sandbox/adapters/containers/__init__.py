"""Commands in containers of an engine. What every command needs is in `keeping`."""
