"""Plot one of everything, print a message, take the markers away."""

import airsim
import numpy as np
from airsim import Vector3r, to_quaternion

client = airsim.VehicleClient()
client.confirmConnection()

line = [Vector3r(x, y, -5) for x, y in zip(np.linspace(0, -10, 20), np.linspace(0, -20, 20), strict=True)]
client.simPlotPoints(line, color_rgba=[1.0, 0.0, 0.0, 1.0], size=25, duration=20.0)
client.simPlotLineStrip(line, color_rgba=[1.0, 1.0, 0.0, 0.02], thickness=5, is_persistent=True)
client.simPlotLineList(line, duration=30.0)
client.simPlotArrows(line, line[::-1], thickness=10, arrow_size=100, is_persistent=True)
client.simPlotStrings(["a", "b"], line[:2], scale=3)
yaws = np.linspace(0, np.pi, 20)
poses = [airsim.Pose(point, to_quaternion(0, 0, yaw)) for point, yaw in zip(line, yaws, strict=True)]
client.simPlotTransforms(poses, scale=35, thickness=5, duration=20.0)
client.simPlotTransformsWithNames(poses, [str(n) for n in range(20)], tf_scale=45, duration=1200)
client.simSetTraceLine([0.0, 1.0, 1.0, 1.0], thickness=3)
client.simPrintLogMessage("plotted ", param := "everything", severity=1)
client.simFlushPersistentMarkers()
print("plotted", param)
