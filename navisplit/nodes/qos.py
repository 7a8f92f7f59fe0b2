"""Quality of service of every topic (DESIGN "QoS"). rclpy itself warns of a peer whose QoS does not fit."""

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Newest or nothing: images, odometry, commands."""

PACKETS = QoSProfile(depth=16, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Packets of the link: never sent again, but the slices of a frame come in a burst (receivers drop old frames)."""

STATE = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
"""What must arrive: diagnostics."""

LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""What must arrive, also for who comes later: goal, branch in use, collision."""
