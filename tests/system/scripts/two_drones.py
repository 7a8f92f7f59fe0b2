"""Two drones at once, one of them added while the simulator runs."""

import airsim

client = airsim.MultirotorClient()
client.confirmConnection()
first = client.listVehicles()[0]
second = "Late"
if second not in client.listVehicles():
    print("added:", client.simAddVehicle(second, "simpleflight", airsim.Pose(airsim.Vector3r(0, 6, 0))))
print("vehicles:", second in client.listVehicles())

for name in (first, second):
    client.enableApiControl(True, name)
    client.armDisarm(True, name)
climbs = [client.takeoffAsync(vehicle_name=name) for name in (first, second)]
for climb in climbs:
    climb.join()
a = client.moveToPositionAsync(8, 0, -5, 4, vehicle_name=first)
b = client.moveToPositionAsync(8, 0, -8, 4, vehicle_name=second)
print("both arrive:", a.get(), b.get())

here = client.simGetObjectPose(second).position
own = client.simGetVehiclePose(second).position
print("second is beside:", abs(here.y_val - own.y_val - 6) < 0.1)
home = client.getHomeGeoPoint(second).longitude - client.getHomeGeoPoint(first).longitude
print("its home is to the east:", home > 0)
(seen,) = client.simGetImages([airsim.ImageRequest("0", airsim.ImageType.Scene)], vehicle_name=second)
print("it has cameras:", len(seen.image_data_uint8) > 1000)
old = client.moveByVelocityAsync(1, 0, 0, 100, vehicle_name=second)
new = client.moveByVelocityAsync(0, 0, 0, 0.5, vehicle_name=second)
print("the latest wins:", old.get(), new.get())
client.reset()
