"""Bytes -> pixels -> ink, with NumPy and Pillow alone."""
