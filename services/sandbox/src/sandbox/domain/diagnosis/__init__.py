"""What is wrong with an app, read from its output, answers and page; no repairing."""
