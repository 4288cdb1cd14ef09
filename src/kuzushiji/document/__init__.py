"""What is written where on a page."""
