"""SDF worlds: ``read_sdf`` and ``write_sdf`` (SDF 1.9 with GLB meshes; docs of the subset in each module)."""

from navisplit.sim.worlds.sdf_reader import read_sdf
from navisplit.sim.worlds.sdf_text import WorldWarning
from navisplit.sim.worlds.sdf_writer import write_sdf

__all__ = ["WorldWarning", "read_sdf", "write_sdf"]
