"""Give objects ids and find them in a segmentation picture."""

import airsim
import numpy as np


def picture(client):
    """Colours of the pixels of the segmentation, and how many there are."""
    (response,) = client.simGetImages([airsim.ImageRequest("0", airsim.ImageType.Segmentation, False, False)])
    pixels = np.frombuffer(response.image_data_uint8, np.uint8).reshape(response.height, response.width, 3)
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    return {tuple(colour.tolist()): count for colour, count in zip(colours, counts, strict=True)}


client = airsim.VehicleClient()
client.confirmConnection()
client.simSetVehiclePose(airsim.Pose(airsim.Vector3r(10, 0, -3)), True)
client.simPause(True)

print("all set to 0:", client.simSetSegmentationObjectID(r"[\w]*", 0, True))
print("one colour:", len(picture(client)))
print("wall:", client.simSetSegmentationObjectID("wall", 20), client.simGetSegmentationObjectID("wall"))
print("ground:", client.simSetSegmentationObjectID(r"GROUND[\w]*", 40, True))
colours = picture(client)
print("three colours:", len(colours), min(colours.values()) > 500)
print("nothing:", client.simSetSegmentationObjectID("nothing", 3), client.simGetSegmentationObjectID("nothing"))
client.simPause(False)
