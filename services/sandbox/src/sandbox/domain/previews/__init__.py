"""What a browser meets at a preview: its name, its headers, pages that are ours."""
