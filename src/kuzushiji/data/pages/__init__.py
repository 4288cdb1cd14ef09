"""Pages with a box around each character -> `Page` and characters."""
