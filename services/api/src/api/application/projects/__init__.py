"""What people do with their projects, and the way in and out."""
