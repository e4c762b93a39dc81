"""What lies on the disk: folders of projects, templates, overlays. Starts no app."""
