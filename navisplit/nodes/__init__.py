"""ROS 2 shells, thin: parameters, conversion, call, publish."""
