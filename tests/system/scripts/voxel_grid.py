"""Write a voxel grid of the surroundings and read it again."""

import os
import tempfile

import airsim
import numpy as np

client = airsim.VehicleClient()
client.confirmConnection()
path = os.path.join(tempfile.mkdtemp(), "map.binvox")
print("written:", client.simCreateVoxelGrid(airsim.Vector3r(0, 0, 0), 100, 100, 100, 1, path))

with open(path, "rb") as file:
    print("magic:", file.readline().decode().strip())
    dims = [int(n) for n in file.readline().split()[1:]]
    while file.readline().strip() != b"data":
        pass
    values, counts = np.frombuffer(file.read(), np.uint8).reshape(-1, 2).T
grid = np.repeat(values, counts).reshape(dims)
print("dims:", dims, "occupied:", 0.01 < grid.mean() < 0.2)
print("wall at 40 m, 5 m up:", bool(grid[50, 55, 90]), bool(grid[50, 55, 80]))
