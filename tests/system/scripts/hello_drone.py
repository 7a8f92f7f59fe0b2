"""Arm, take off, look at the state and the sensors, fly somewhere, take pictures, go back to the start."""

import os
import tempfile

import airsim
import numpy as np

client = airsim.MultirotorClient()
client.confirmConnection()
client.enableApiControl(True)

state = client.getMultirotorState()
print("landed:", state.landed_state == airsim.LandedState.Landed)
for name, data in (
    ("imu", client.getImuData()),
    ("barometer", client.getBarometerData()),
    ("magnetometer", client.getMagnetometerData()),
    ("gps", client.getGpsData()),
):
    print(name, "stamp:", data.time_stamp > 0)

print("armed:", client.armDisarm(True))
client.takeoffAsync().join()
client.moveToPositionAsync(-10, 10, -10, 5).join()
client.hoverAsync().join()
position = client.getMultirotorState().kinematics_estimated.position
print(f"near the target: {abs(position.x_val + 10) < 2 and abs(position.y_val - 10) < 2}")

responses = client.simGetImages(
    [
        airsim.ImageRequest("0", airsim.ImageType.DepthVis),
        airsim.ImageRequest("1", airsim.ImageType.DepthPerspective, True),
        airsim.ImageRequest("1", airsim.ImageType.Scene),
        airsim.ImageRequest("1", airsim.ImageType.Scene, False, False),
    ]
)
folder = tempfile.mkdtemp()
for number, response in enumerate(responses):
    path = os.path.join(folder, str(number))
    if response.pixels_as_float:
        airsim.write_pfm(path + ".pfm", airsim.get_pfm_array(response))
    elif response.compress:
        airsim.write_file(path + ".png", response.image_data_uint8)
    else:
        pixels = np.frombuffer(response.image_data_uint8, dtype=np.uint8)
        airsim.write_png(path + ".png", pixels.reshape(response.height, response.width, 3))
print("pictures:", len(os.listdir(folder)))

client.reset()
client.armDisarm(False)
client.enableApiControl(False)
end = client.simGetVehiclePose().position
print("back at the start:", end.get_length() < 0.1)
