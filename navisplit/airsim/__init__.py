"""The AirSim client side: transport stand-in, connection, image decoding, installer. NED and FRD end here."""

from navisplit.airsim.connection import AirSimVehicle, Collision, connect
from navisplit.airsim.transport import install_transport

__all__ = ["AirSimVehicle", "Collision", "connect", "install_transport"]
