"""NaviSplit: split-computing navigation for drones: head and gate on the vehicle, tail and policy on the edge."""

__version__ = "0.1.0"
