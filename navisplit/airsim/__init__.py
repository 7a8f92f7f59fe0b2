"""The AirSim client side: transport stand-in, connection, image decoding. NED/FRD stops here."""
