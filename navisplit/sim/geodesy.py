"""Latitude and longitude around an origin, and the standard atmosphere: enough for GPS, barometer and environment."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from navisplit.frames import Vector

EARTH_RADIUS_M = 6378137.0
SEA_LEVEL_PRESSURE_PA, SEA_LEVEL_TEMPERATURE_K, GAS_CONSTANT = 101325.0, 288.15, 287.053


@dataclass(frozen=True)
class GeoPoint:
    """WGS 84 degrees and metres above the sea."""

    latitude: float
    longitude: float
    altitude: float


def geo_of(ned: Vector, origin: GeoPoint) -> GeoPoint:
    """Geodetic place of a point (3,) NED m from ``origin``: azimuthal equidistant on a sphere, as AirSim does."""
    north, east, down = (float(v) for v in ned)
    distance = math.hypot(north, east)
    if distance < 1e-9:
        return GeoPoint(origin.latitude, origin.longitude, origin.altitude - down)
    angle = distance / EARTH_RADIUS_M
    lat0, lon0 = math.radians(origin.latitude), math.radians(origin.longitude)
    sin_c, cos_c = math.sin(angle), math.cos(angle)
    latitude = math.asin(cos_c * math.sin(lat0) + north * sin_c * math.cos(lat0) / distance)
    longitude = lon0 + math.atan2(east * sin_c, distance * math.cos(lat0) * cos_c - north * math.sin(lat0) * sin_c)
    return GeoPoint(math.degrees(latitude), math.degrees(longitude), origin.altitude - down)


def ned_of(point: GeoPoint, origin: GeoPoint) -> Vector:
    """The inverse of ``geo_of``: (3,) NED m."""
    lat, lon = math.radians(point.latitude), math.radians(point.longitude)
    lat0, lon0 = math.radians(origin.latitude), math.radians(origin.longitude)
    cos_c = math.sin(lat0) * math.sin(lat) + math.cos(lat0) * math.cos(lat) * math.cos(lon - lon0)
    angle = math.acos(max(-1.0, min(1.0, cos_c)))
    scale = EARTH_RADIUS_M * (1.0 if angle < 1e-12 else angle / math.sin(angle))
    north = scale * (math.cos(lat0) * math.sin(lat) - math.sin(lat0) * math.cos(lat) * math.cos(lon - lon0))
    east = scale * math.cos(lat) * math.sin(lon - lon0)
    return np.array([north, east, origin.altitude - point.altitude])


def temperature_k(altitude_m: float) -> float:
    """Air temperature in the troposphere."""
    return SEA_LEVEL_TEMPERATURE_K - 0.0065 * altitude_m


def pressure_pa(altitude_m: float) -> float:
    """Air pressure in the troposphere."""
    return SEA_LEVEL_PRESSURE_PA * (temperature_k(altitude_m) / SEA_LEVEL_TEMPERATURE_K) ** 5.255877


def air_density(altitude_m: float) -> float:
    """kg/m^3."""
    return pressure_pa(altitude_m) / (GAS_CONSTANT * temperature_k(altitude_m))
