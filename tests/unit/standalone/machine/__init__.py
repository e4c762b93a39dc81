"""What this machine has and keeps."""
