"""Pictures as a camera in this weather delivers them: fixed at one moment, rendered later in another thread."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from navisplit.frames import Intrinsics
from navisplit.sim.atmosphere import Conditions
from navisplit.sim.camera import development
from navisplit.sim.camera.cameras import Camera, Capture
from navisplit.sim.render.flow import Moment, optical_flow
from navisplit.sim.render.renderer import CameraView, Frame, camera_rows
from navisplit.sim.render.sky import mist_colour
from navisplit.sim.scene import Light
from navisplit.sim.weather import Weather

if TYPE_CHECKING:
    from navisplit.sim.camera.development import Meter, Pixels
    from navisplit.sim.kernel import Floats
    from navisplit.sim.render.moving import MovingLayer


@dataclass
class Film:
    """What one view sees at one moment, each part rendered when it is first asked for."""

    renderer: Any  # RayCaster, or what a test puts in its place
    view: CameraView
    conditions: Conditions = Conditions()
    ortho_width_m: float | None = None
    layer: MovingLayer | None = None  # what is not as it was baked
    colours: bool = False  # whether a picture of it needs more than depth

    @cached_property
    def frame(self) -> Frame:
        """Colour, depth and segmentation as the scene is lit, without weather."""
        light = self.conditions.light
        if light is not None and light != self.renderer.light:
            self.renderer.set_light(light)
        if self.ortho_width_m is not None:
            return self.renderer.render_flat(self.view, self.ortho_width_m, self.layer)
        return self.renderer.render(self.view, self.layer)

    @cached_property
    def depth(self) -> Floats:
        """Planar depth (H, W), m: without colours when nothing else is wanted."""
        if self.colours or self.ortho_width_m is not None or "frame" in self.__dict__:
            return self.frame.depth
        return self.renderer.depth_batch([self.view], self.layer)[0]

    @cached_property
    def normals(self) -> Floats:
        """Unit surface normals (H, W, 3), ENU, zero in the sky."""
        return self.renderer.normals(self.view, self.layer)

    @cached_property
    def scene(self) -> Pixels:
        """Colour (H, W, 3) with the weather in it."""
        weather = self.conditions.weather
        if weather.calm:
            return self.frame.rgb
        from navisplit.sim.render import weather_passes

        rgb, depth, rows = self.frame.rgb.copy(), self.frame.depth, camera_rows(self.view)
        light = self.conditions.light or Light()
        mist = np.array(mist_colour(light), np.float32)
        if weather.on_the_ground and self.ortho_width_m is None:
            weather_passes.draw_ground(rgb, depth, self.normals, rows, weather, mist, self.renderer.roofs)
        weather_passes.draw_air(rgb, depth, rows, weather, mist)
        if self.ortho_width_m is None:
            now = self.conditions
            weather_passes.draw_falling(rgb, depth, rows, weather, mist, self.renderer.roofs, now.time_s, now.seed)
        return rgb

    def shown(self) -> Frame:
        """The frame with the weather in its colours."""
        return self.frame if self.conditions.weather.calm else replace(self.frame, rgb=self.scene)

    def flow(self, before: Moment) -> Floats:
        """Motion (H, W, 2) since a moment, in pixels right and down."""
        if self.layer is None or not self.layer.things:
            return optical_flow(self.view, self.depth, before)
        things, baked = self.layer.things, len(self.layer.labels)
        return optical_flow(self.view, self.frame.depth, before, objects=self.frame.objects, things=things, baked=baked)


def rehearse(renderer: Any) -> None:
    """Run every pass once on a picture of a few pixels, so that nothing is compiled in flight."""
    start = np.asarray(renderer.scene.player_start.position, np.float64) + [0.0, 0.0, 2.0]
    view = CameraView(start, np.array([0.0, 0.0, 0.0, 1.0]), Intrinsics.from_fov(8, 4, 90.0))
    film = Film(renderer, view, Conditions(weather=Weather(*[0.5] * 8)))
    development.blur(film.scene, film.flow(Moment(view.position, view.orientation)))


@dataclass(frozen=True)
class Development:
    """How a camera turns what its view sees into the picture of one image type."""

    camera: Camera
    capture: Capture
    clock_ns: int = 0
    shutter_opened: Moment | None = None  # where the camera was then; for motion blur
    meter: Meter = field(default_factory=development.Meter)

    def scene(self, film: Film) -> Pixels:
        """The colour picture (H, W, 3)."""
        rgb = film.scene
        if self.capture.motion_blur > 0 and self.shutter_opened is not None and film.ortho_width_m is None:
            rgb = development.blur(rgb, film.flow(self.shutter_opened))
        lens = self.camera.lens
        if lens.manual_focus and film.ortho_width_m is None:
            rgb = development.defocus(rgb, lens.confusion_px(film.frame.depth, self.capture.width))
        gain = self.meter.gain(rgb, self.capture.exposure, self.clock_ns)
        rgb = self.bent(development.expose(rgb, gain, self.capture.target_gamma), smooth=True)
        return self.noisy(development.add_sensor_noise(rgb, self.camera.sensor, self._rng(0)))

    def bent(self, picture: NDArray, *, smooth: bool = False) -> NDArray:
        """Through the lens's distortion."""
        return development.bend(picture, self.capture.intrinsics, self.camera.lens.distortion, smooth=smooth)

    def noisy(self, rgb: Pixels) -> Pixels:
        """With AirSim's interference of this image type."""
        if self.capture.noise is None:
            return rgb
        return development.interfere(rgb, self.capture.noise, self.clock_ns % 10**12 * 1e-9, self._rng(1))

    def _rng(self, kind: int) -> np.random.Generator:
        """Equal at equal simulated times."""
        return np.random.default_rng([kind, self.clock_ns & 0xFFFFFFFF, zlib.crc32(self.camera.name.encode())])
