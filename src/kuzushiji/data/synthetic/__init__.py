"""Drawn data: brush glyphs, and images of what is no character."""
