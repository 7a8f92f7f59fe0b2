"""The live view: one page for a browser, with the world, the drones, their pictures and what scripts say and draw.

``snapshot`` is taken on the simulation's thread, ``page`` shows it on another; only ``page``, ``stage`` and
``marks`` know viser, and only a simulator that was asked for the view imports it.
"""
