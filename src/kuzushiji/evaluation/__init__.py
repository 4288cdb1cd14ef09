"""Predictions in, numbers out; no network is ever run here."""
