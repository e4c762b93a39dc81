"""What single lines say: words, commands, markers. No streams, no memory of lines."""
