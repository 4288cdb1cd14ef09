"""The reading room: pages on a shelf, read while one watches, corrected in a browser or over HTTP."""
