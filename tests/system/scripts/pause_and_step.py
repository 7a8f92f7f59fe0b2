"""Pause, step exactly, and go on."""

import time

import airsim


def seconds(client):
    return client.getMultirotorState().timestamp / 1e9


client = airsim.MultirotorClient()
client.confirmConnection()
client.enableApiControl(True)
client.armDisarm(True)
client.takeoffAsync().join()
move = client.moveByVelocityAsync(2, 0, 0, 1000)

client.simPause(True)
before = seconds(client)
time.sleep(0.3)
print("paused:", client.simIsPause(), seconds(client) == before)
start = client.simGetGroundTruthKinematics().position.x_val
stamps = [client.getMultirotorState().timestamp]
for _ in range(12):
    client.simContinueForTime(0.25)  # not in whole physics steps
    stamps.append(client.getMultirotorState().timestamp)
print("exactly:", {after - before for before, after in zip(stamps, stamps[1:], strict=False)} == {250_000_000})
print("stepped:", round(seconds(client) - before, 3), client.simIsPause())
print("flew on:", client.simGetGroundTruthKinematics().position.x_val - start > 3)
client.simContinueForFrames(60)
while not client.simIsPause():
    time.sleep(0.01)
print("frames:", 0.98 < seconds(client) - before - 3.0 < 1.01)
client.simPause(False)
client.cancelLastTask()
print("cancelled:", move.get())
client.reset()
