"""Importing this fills the method table; the order of the modules is that of docs/airsim_compatibility.md."""

from navisplit.sim.rpc import (
    methods_camera,
    methods_camera_detection,
    methods_camera_lens,
    methods_clock,
    methods_core,
    methods_flight,
    methods_objects,
    methods_plotting,
    methods_recording,
    methods_sensors,
    methods_space,
    methods_vehicle,
    methods_weather,
)

METHOD_MODULES = (
    methods_core,
    methods_clock,
    methods_vehicle,
    methods_flight,
    methods_sensors,
    methods_camera,
    methods_camera_lens,
    methods_camera_detection,
    methods_weather,
    methods_objects,
    methods_space,
    methods_plotting,
    methods_recording,
)
