"""Numbers in, figures out: every figure comes in a light and a dark theme."""
