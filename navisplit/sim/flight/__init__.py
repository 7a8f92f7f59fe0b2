"""SimpleFlight's quadrotor: dynamics, controllers, commands, contact."""
