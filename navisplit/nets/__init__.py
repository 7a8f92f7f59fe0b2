"""Torch modules: trunk, branches, tail, teacher, gate; and the branch set that stores them."""
