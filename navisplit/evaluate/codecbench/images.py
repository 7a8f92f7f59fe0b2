"""Compressed pictures, and the teacher on the server: what everybody would try first."""

from __future__ import annotations

import io
from abc import abstractmethod

import cv2
import numpy as np
from numpy.typing import NDArray

from navisplit.errors import PacketError, UsageError
from navisplit.evaluate.codecbench.context import Context
from navisplit.evaluate.codecbench.methods import Depth, Method, Slices, cut, family, join

Picture = NDArray[np.uint8]  # (h, w, 3) RGB


class Image(Method):
    """``jpeg:QUALITY`` or ``jpeg:QUALITY/DIVISOR``: the picture is sent at 1/DIVISOR of its width and height.

    It is made smaller by areas, and by bicubic interpolation as large again as the teacher was trained for. The teacher
    never saw coding artefacts in its training (nor would one that is bought off the shelf).
    """

    def __init__(self, context: Context, argument: str) -> None:
        quality, _, divisor = argument.partition("/")
        architecture = context.models.architecture
        self.context, self._size = context, (architecture.width, architecture.height)
        if not (quality.isdigit() and 0 <= int(quality) <= 100 and (divisor or "1") in ("1", "2", "4", "8")):
            raise UsageError(
                f"{self.family}:{argument}: expected {self.family}:QUALITY or QUALITY/DIVISOR, quality 0 to 100, "
                f"divisor 2, 4 or 8; e.g. {self.family}:40 or {self.family}:10/2."
            )
        self.quality, self.divisor = int(quality), int(divisor or 1)
        context.teacher  # noqa: B018 (its absence is told now, not in the first frame)

    def head(self, rgb: Picture) -> Picture:
        """The picture at its size on the link."""
        if self.divisor == 1:
            return rgb
        width, height = self._size
        return cv2.resize(rgb, (width // self.divisor, height // self.divisor), interpolation=cv2.INTER_AREA)

    def encode(self, features: Picture) -> list[bytes]:
        """The file, cut into packets."""
        return cut(self.compress(features))

    def decode(self, slices: Slices) -> Picture:
        """The picture at the camera's size. Raises PacketError for what is no such file."""
        picture = self.expand(join(slices))
        width, height = self._size
        if picture is None or picture.shape != (height // self.divisor, width // self.divisor, 3):
            raise PacketError(f"The payload is no {self.family} picture of the announced size; drop the frame.")
        return picture if self.divisor == 1 else cv2.resize(picture, self._size, interpolation=cv2.INTER_CUBIC)

    def tail(self, received: Picture) -> Depth:
        """The teacher."""
        return self.context.teacher_depth(received)

    @abstractmethod
    def compress(self, picture: Picture) -> bytes:
        """The file of a picture."""

    def expand(self, data: bytes) -> Picture | None:
        """The picture of a file, None when it is none."""
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        return None if found is None else np.ascontiguousarray(found[..., ::-1])


@family("jpeg", "JPEG, teacher on the server")
class Jpeg(Image):
    """libjpeg with Huffman tables made for each picture, which are part of the file (4:2:0)."""

    def compress(self, picture: Picture) -> bytes:
        """The file of a picture."""
        options = [cv2.IMWRITE_JPEG_QUALITY, self.quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
        return cv2.imencode(".jpg", picture[..., ::-1], options)[1].tobytes()


@family("webp", "WebP, teacher on the server")
class WebP(Image):
    """libwebp, lossy, its slowest method."""

    def compress(self, picture: Picture) -> bytes:
        """The file of a picture."""
        from PIL import Image as Pillow

        file = io.BytesIO()
        Pillow.fromarray(picture).save(file, "WEBP", quality=self.quality, method=6)
        return file.getvalue()


@family("avif", "AVIF, teacher on the server")
class Avif(Image):
    """libavif at speed 6 on one thread."""

    def __init__(self, context: Context, argument: str) -> None:
        super().__init__(context, argument)
        if not avif_available():
            raise UsageError("avif: this build of Pillow has no AVIF; install pillow >= 11.3.")

    def compress(self, picture: Picture) -> bytes:
        """The file of a picture."""
        from PIL import Image as Pillow

        file = io.BytesIO()
        Pillow.fromarray(picture).save(file, "AVIF", quality=self.quality, speed=6, max_threads=1)
        return file.getvalue()

    def expand(self, data: bytes) -> Picture | None:
        """The picture of a file, None when it is none."""
        from PIL import Image as Pillow
        from PIL import UnidentifiedImageError

        try:
            with Pillow.open(io.BytesIO(data), formats=["AVIF"]) as file:
                return np.asarray(file.convert("RGB"))
        except (UnidentifiedImageError, OSError, ValueError):
            return None


def avif_available() -> bool:
    """Whether Pillow was built with it."""
    from PIL import features

    return bool(features.check("avif"))
