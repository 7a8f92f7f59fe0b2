"""List, move, scale, spawn and destroy objects."""

import airsim

client = airsim.VehicleClient()
client.confirmConnection()

print("objects:", sorted(client.simListSceneObjects("(wall|crate).*")))
pose = client.simGetObjectPose("crate")
print("crate at:", [round(v, 1) for v in pose.position])

pose.position += airsim.Vector3r(0, 3, -2)
pose.orientation = airsim.to_quaternion(0, 0, 0.5)
print("moved:", client.simSetObjectPose("crate", pose, True))
moved = client.simGetObjectPose("crate")
print("crate at:", [round(v, 1) for v in moved.position], round(airsim.to_eularian_angles(moved.orientation)[2], 2))
print("swept:", client.simSetObjectPose("crate", airsim.Pose(airsim.Vector3r(60, 8, -2)), False))
print("stopped before the wall:", 37 < client.simGetObjectPose("crate").position.x_val < 39.5)
missing = client.simGetObjectPose("no such thing")
print("missing is nan:", missing.containsNan(), client.simSetObjectPose("no such thing", pose))

print("has a cube:", "1M_Cube_Chamfer" in client.simListAssets())
name = client.simSpawnObject(
    "tower", "1M_Cube_Chamfer", airsim.Pose(airsim.Vector3r(20, 0, -10)), airsim.Vector3r(2, 2, 6), True
)
client.simContinueForTime(2)  # it falls
client.simPause(False)
print("spawned:", name, client.simGetObjectScale(name).z_val, round(client.simGetObjectPose(name).position.z_val, 1))
print("listed:", name in client.simListSceneObjects())
print("scaled:", client.simSetObjectScale(name, airsim.Vector3r(1, 1, 1)))
print("destroyed:", client.simDestroyObject(name), client.simDestroyObject(name))
