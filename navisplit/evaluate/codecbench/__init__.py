"""``navisplit bench codec``: every way we know of getting depth across the link, compared at equal bytes.

The supervised-compression benchmark (SC2, arXiv 2203.08875) for this task: encoder size, bytes on the wire, quality; on
what a drone needs (near range, missed obstacles), with the same packets for all. Adding a way is one class::

    @family("mine")
    class Mine(Method): ...        # head -> encode -> decode -> tail, see ``methods``

and its ``mine:ARGUMENT`` works in the benchmark's line-up and in ``navisplit evaluate --branch mine:ARGUMENT``.
"""
