"""Every command has a keeper, however it is started: its program, its plan, our end."""
