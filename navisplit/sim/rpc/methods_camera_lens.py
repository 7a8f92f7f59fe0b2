"""Lens, sensor, focus and distortion of cameras, in AirSim's units and words. They set the field of view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from navisplit.sim.camera.lenses import BLADES, FILMBACK_PRESETS, LENS_PRESETS, MIN_FOCUS_MM, Lens
from navisplit.sim.rpc.mounts import CAMERA, find_mount
from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.table import HandlerError, rpc

SMALLEST_MM = 0.01


def _lens(service: Service, name: str, vehicle: str, external: bool) -> Lens:
    return find_mount(service, name, vehicle, external).camera.lens


def _refit(service: Service, name: str, vehicle: str, external: bool, change: Callable[[Lens], Lens]) -> Lens:
    """Change a lens and with it the field of view of every image type."""
    mount = find_mount(service, name, vehicle, external)
    lens = change(mount.camera.lens)
    mount.change(mount.camera.with_lens(lens))
    return lens


def _adjust(service: Service, name: str, vehicle: str, external: bool, change: Callable[[Lens], Lens]) -> None:
    """Change what does not move the field of view."""
    mount = find_mount(service, name, vehicle, external)
    mount.change(replace(mount.camera, lens=change(mount.camera.lens)))


# Presets ----------------------------------------------------------------------------------------------------------
@rpc(CAMERA, name="simGetPresetLensSettings")
def preset_lenses(service: Service, name: str, vehicle: str, external: bool = False) -> list[str]:
    """Lenses that can be chosen, as text."""
    _lens(service, name, vehicle, external)
    return [_lens_text(preset, "") for preset in LENS_PRESETS]


@rpc(CAMERA, name="simGetLensSettings")
def lens_settings(service: Service, name: str, vehicle: str, external: bool = False) -> str:
    """The lens, as text."""
    extra = f"\n\t Diaphragm Blade Count: {BLADES}\n\t Minimum focus distance: {MIN_FOCUS_MM:g}"
    return _lens_text(_lens(service, name, vehicle, external).preset, extra)


def _lens_text(preset: str, extra: str) -> str:
    low, high, open_, closed = LENS_PRESETS[preset]
    return (
        f"Name: {preset};\n\t MinFocalLength: {low:g}; \t MaxFocalLength: {high:g}"
        f"\n\t Min FStop: {open_:g}; \t Max Fstop: {closed:g}{extra}"
    )


@rpc(f"preset:str {CAMERA}", name="simSetPresetLensSettings")
def set_preset_lens(service: Service, preset: str, name: str, vehicle: str, external: bool = False) -> None:
    """Choose a lens by name; an unknown one changes nothing, as in Unreal."""
    _refit(service, name, vehicle, external, lambda lens: lens.with_preset(preset))


@rpc(CAMERA, name="simGetPresetFilmbackSettings")
def preset_filmbacks(service: Service, name: str, vehicle: str, external: bool = False) -> list[str]:
    """Sensors that can be chosen, as text."""
    _lens(service, name, vehicle, external)
    return [_filmback_text(preset, *size) for preset, size in FILMBACK_PRESETS.items()]


@rpc(CAMERA, name="simGetFilmbackSettings")
def filmback_settings(service: Service, name: str, vehicle: str, external: bool = False) -> str:
    """The sensor, as text."""
    lens = _lens(service, name, vehicle, external)
    return _filmback_text(lens.filmback, *lens.sensor_mm)


def _filmback_text(preset: str, width_mm: float, height_mm: float) -> str:
    return (
        f"Name: {preset};\n\t Sensor Width: {width_mm:g}; \t Sensor Height: {height_mm:g}"
        f"\n\t Sensor Aspect Ratio: {width_mm / height_mm:g}"
    )


@rpc(f"preset:str {CAMERA}", name="simSetPresetFilmbackSettings")
def set_preset_filmback(service: Service, preset: str, name: str, vehicle: str, external: bool = False) -> None:
    """Choose a sensor by name; an unknown one changes nothing, as in Unreal."""
    size = FILMBACK_PRESETS.get(preset)
    _refit(service, name, vehicle, external, lambda lens: lens if size is None else replace(lens, sensor_mm=size))


@rpc(f"width:float height:float {CAMERA}", name="simSetFilmbackSettings")
def set_filmback(
    service: Service, width_mm: float, height_mm: float, name: str, vehicle: str, external: bool = False
) -> float:
    """Set the sensor's size; its aspect ratio."""
    size = _positive("width", width_mm), _positive("height", height_mm)
    _refit(service, name, vehicle, external, lambda lens: replace(lens, sensor_mm=size))
    return size[0] / size[1]


# Focal length and focus -------------------------------------------------------------------------------------------
@rpc(CAMERA, name="simGetFocalLength")
def focal_length(service: Service, name: str, vehicle: str, external: bool = False) -> float:
    """Millimetres."""
    return _lens(service, name, vehicle, external).focal_mm


@rpc(f"focal_length:float {CAMERA}", name="simSetFocalLength")
def set_focal_length(service: Service, focal_mm: float, name: str, vehicle: str, external: bool = False) -> None:
    """Millimetres; the field of view follows."""
    focal_mm = _positive("focal_length", focal_mm)
    _refit(service, name, vehicle, external, lambda lens: replace(lens, focal_mm=focal_mm))


def _positive(name: str, value: float) -> float:
    if value < SMALLEST_MM:
        raise HandlerError(f"{name} must be at least {SMALLEST_MM} mm, got {value:g}")
    return value


@rpc(f"enable:bool {CAMERA}", name="simEnableManualFocus")
def enable_manual_focus(service: Service, enable: bool, name: str, vehicle: str, external: bool = False) -> None:
    """On: what is not at the focus distance is blurred. Off: all is sharp."""
    _adjust(service, name, vehicle, external, lambda lens: replace(lens, manual_focus=enable))


@rpc(CAMERA, name="simGetFocusDistance")
def focus_distance(service: Service, name: str, vehicle: str, external: bool = False) -> float:
    """Centimetres."""
    return _lens(service, name, vehicle, external).focus_distance_cm


@rpc(f"focus_distance:float {CAMERA}", name="simSetFocusDistance")
def set_focus_distance(service: Service, distance_cm: float, name: str, vehicle: str, external: bool = False) -> None:
    """Centimetres; shows while manual focus is on."""
    _adjust(service, name, vehicle, external, lambda lens: replace(lens, focus_distance_cm=distance_cm))


@rpc(CAMERA, name="simGetFocusAperture")
def focus_aperture(service: Service, name: str, vehicle: str, external: bool = False) -> float:
    """F-number."""
    return _lens(service, name, vehicle, external).aperture


@rpc(f"focus_aperture:float {CAMERA}", name="simSetFocusAperture")
def set_focus_aperture(service: Service, aperture: float, name: str, vehicle: str, external: bool = False) -> None:
    """F-number; shows while manual focus is on."""
    _adjust(service, name, vehicle, external, lambda lens: replace(lens, aperture=aperture))


@rpc(f"enable:bool {CAMERA}", name="simEnableFocusPlane", neutral="Unreal's editor draws a plane")
def enable_focus_plane(service: Service, enable: bool, name: str, vehicle: str, external: bool = False) -> None:
    """Unreal's editor draws a plane where the focus is."""
    _lens(service, name, vehicle, external)
    service.no_effect("simEnableFocusPlane")


@rpc(CAMERA, name="simGetCurrentFieldOfView")
def current_fov(service: Service, name: str, vehicle: str, external: bool = False) -> str:
    """Degrees, as text."""
    lens = _lens(service, name, vehicle, external)
    return (
        f"Current Field Of View:\n\tHorizontal Field Of View: {lens.fov_deg:g};\n\t "
        f"Vertical Field Of View: {lens.vertical_fov_deg:g}"
    )


# Distortion -------------------------------------------------------------------------------------------------------
@rpc(
    "camera_name:str param_name:str value:float vehicle_name:str external:bool?",
    name="simSetDistortionParam",
    differs="OpenCV's model, which bends every image type of the camera",
)
def set_distortion(
    service: Service, name: str, parameter: str, value: float, vehicle: str, external: bool = False
) -> None:
    """One of K1, K2, K3, P1, P2; other names change nothing, as in Unreal."""
    mount = find_mount(service, name, vehicle, external)
    try:
        lens = mount.camera.lens.with_distortion(parameter, value)
    except KeyError:
        service.notify(f"simSetDistortionParam: there is no parameter '{parameter}'; K1, K2, K3, P1 and P2 are.")
        return
    mount.change(replace(mount.camera, lens=lens))


@rpc(CAMERA, name="simGetDistortionParams")
def distortion(service: Service, name: str, vehicle: str, external: bool = False) -> list[float]:
    """K1, K2, K3, P1, P2."""
    return list(_lens(service, name, vehicle, external).distortion)
