"""A simulated flight: simulator, vehicle and edge (ros2 launch navisplit flight.launch.py --show-args)."""

from launch import LaunchDescription
from navisplit.arguments import Side
from navisplit.nodes.launching import launch_description


def generate_launch_description() -> LaunchDescription:
    return launch_description(Side.VEHICLE, Side.EDGE)
