"""The world outside: an AirSim-compatible simulator (worlds, ray caster, camera, quadrotor, RPC server)."""
