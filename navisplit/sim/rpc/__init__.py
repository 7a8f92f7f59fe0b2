"""AirSim's msgpack-RPC: methods, structs and the server that drives a Simulation in real time."""
