"""What a training tells while it runs: a line now and then, and curves for TensorBoard where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Log = Callable[[str], None]


class Progress:
    """Reports of one stage. Curves go to ``FOLDER/tensorboard``: ``tensorboard --logdir FOLDER/tensorboard``."""

    def __init__(self, stage: str, folder: Path, log: Log) -> None:
        self._stage, self._log = stage, log
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            log(f"{stage}: no curves are written, as TensorBoard is missing (pip install 'navisplit[train]')")
        else:
            self._writer = SummaryWriter(str(folder / "tensorboard" / stage))

    def steps(self, step: int, rate: float, left_s: float, loss: float, values: Mapping[str, float]) -> None:
        """Mean loss of the last steps and the last step's values."""
        words = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        text = f"{self._stage}: step {step}, {rate:.2f} it/s, loss {loss:.4f}, {words}"
        self._log(f"{text}, {left_s / 60:.1f} min of computing left")
        self._write({"loss": loss, "steps_per_s": rate, **values}, step)

    def validation(self, step: int, metrics: Mapping[str, Mapping[str, float]], words: str) -> None:
        """Metrics of each network or branch."""
        self._log(f"{self._stage}: validation {words}")
        self._write({f"{metric}/{name}": v for name, values in metrics.items() for metric, v in values.items()}, step)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()

    def _write(self, values: Mapping[str, float], step: int) -> None:
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)
