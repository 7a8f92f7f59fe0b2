"""Cameras from mounting to what they deliver: lenses, image effects, detections."""
