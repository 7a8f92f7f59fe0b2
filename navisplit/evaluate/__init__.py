"""Offline flights, metrics, reports."""
