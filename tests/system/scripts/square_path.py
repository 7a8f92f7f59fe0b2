"""Fly a square nose first with a look-ahead, come back to its beginning, land."""

import airsim

client = airsim.MultirotorClient()
client.confirmConnection()
client.enableApiControl(True)
client.armDisarm(True)

if client.getMultirotorState().landed_state == airsim.LandedState.Landed:
    client.takeoffAsync().join()
client.moveToZAsync(-6, 2).join()

corners = [airsim.Vector3r(x, y, -6) for x, y in ((15, 0), (15, -15), (0, -15), (0, 0))]
done = client.moveOnPathAsync(corners, 6, 120, airsim.DrivetrainType.ForwardOnly, airsim.YawMode(False, 0), 5, 1).get()
print("path:", done)

client.moveToPositionAsync(0, 0, -6, 1).join()
position = client.simGetVehiclePose().position
print(f"home: {max(abs(position.x_val), abs(position.y_val)) < 2.5}")
print("landed:", client.landAsync().get())
client.armDisarm(False)
client.enableApiControl(False)
