"""00 · Start here: from a chimney to a pixel."""
