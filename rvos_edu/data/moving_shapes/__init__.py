"""Moving Shapes: the embedded dataset of generated videos, masks and sentences."""

from rvos_edu.data.moving_shapes.layouts import Video, generate_video, make
from rvos_edu.data.moving_shapes.scene import LEVELS, VERSION

__all__ = ["LEVELS", "VERSION", "Video", "generate_video", "make"]
