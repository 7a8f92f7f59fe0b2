"""Cover a box in stripes, then rise and go home."""

import airsim


class Survey:
    """Stripes of one direction, so far apart."""

    def __init__(self, size, stripe, altitude, speed):
        self.size, self.stripe, self.z, self.speed = size, stripe, -altitude, speed
        self.client = airsim.MultirotorClient()
        self.client.confirmConnection()
        self.client.enableApiControl(True)

    def run(self):
        self.client.armDisarm(True)
        self.client.takeoffAsync().join()
        self.client.moveToPositionAsync(0, 0, self.z, self.speed).join()
        path, x, length = [], -self.size, 0
        while x < self.size:
            for point in ((x, self.size), (x + self.stripe, self.size), (x + self.stripe, -self.size)):
                path.append(airsim.Vector3r(*point, self.z))
            x += 2 * self.stripe
            length += 2 * self.size + self.stripe
        done = self.client.moveOnPathAsync(
            path, self.speed, length / self.speed * 3, airsim.DrivetrainType.ForwardOnly, airsim.YawMode(False, 0)
        ).get()
        print("survey:", done)
        end = self.client.simGetVehiclePose().position
        print("at the last corner:", abs(end.x_val - path[-1].x_val) < 4 and abs(end.y_val - path[-1].y_val) < 4)
        self.client.moveToPositionAsync(0, 0, self.z, self.speed).join()
        self.client.moveToPositionAsync(0, 0, self.z, 1).join()
        print("home:", self.client.simGetVehiclePose().position.distance_to(airsim.Vector3r(0, 0, self.z)) < 3)
        self.client.enableApiControl(False)


Survey(size=6, stripe=4, altitude=6, speed=4).run()
