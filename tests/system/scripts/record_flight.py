"""Record a flight."""

import airsim

client = airsim.MultirotorClient()
client.confirmConnection()
client.enableApiControl(True)
client.armDisarm(True)
client.startRecording()
print("recording:", client.isRecording())
client.takeoffAsync().join()
client.moveByVelocityAsync(2, 0, -1, 2).join()
client.stopRecording()
print("recording:", client.isRecording())
client.reset()
