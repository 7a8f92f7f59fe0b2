"""Every test: one thread for torch and numba, and a ROS domain that stays on this machine."""

import os
import random

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(1, 101))  # tests in parallel do not hear each other
os.environ.pop("NAVISPLIT_LINK_KEY", None)
