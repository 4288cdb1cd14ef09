"""Network, data and recipe in; run folder out."""
