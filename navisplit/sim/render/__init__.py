"""The ray caster: hierarchy, shading, what moves, textures, and the queries that share its hierarchy."""
