"""Faults on order: what can go wrong with each unit of a flight, for evaluations and for live flights."""
