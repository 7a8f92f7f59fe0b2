"""Feature codecs behind one registry."""
