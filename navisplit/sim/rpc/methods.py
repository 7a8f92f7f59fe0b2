"""Importing this fills the method table; the order of the modules is that of docs/airsim_compatibility.md."""

from navisplit.sim.rpc import (
    methods_camera,
    methods_clock,
    methods_core,
    methods_flight,
    methods_objects,
    methods_plotting,
    methods_recording,
    methods_sensors,
    methods_space,
    methods_vehicle,
    methods_world,
)

METHOD_MODULES = (
    methods_core,
    methods_clock,
    methods_vehicle,
    methods_flight,
    methods_sensors,
    methods_camera,
    methods_objects,
    methods_space,
    methods_world,
    methods_plotting,
    methods_recording,
)
