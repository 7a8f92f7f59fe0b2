"""Data collection and training."""
