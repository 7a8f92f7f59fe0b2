"""A vehicle's sensors with AirSim 1.8.1's noise models: IMU, barometer, magnetometer, GPS, distance sensor, lidar.

Nothing here costs time until it is read. A sensor samples at its own rate of simulated time; what the vehicle did at a
sample's time is looked up in its recent past, and a sample's noise is the next of a seeded sequence. So a reading
depends on the time alone: not on who read before, nor on how the simulation was stepped.
"""

from navisplit.sim.sensors.suite import SensorSuite, Site

__all__ = ["SensorSuite", "Site"]
