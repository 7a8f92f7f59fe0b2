"""The edge server's half of a flight, for a machine of its own (ros2 launch navisplit edge.launch.py --show-args)."""

from launch import LaunchDescription
from navisplit.arguments import Side
from navisplit.nodes.launching import launch_description


def generate_launch_description() -> LaunchDescription:
    return launch_description(Side.EDGE)
