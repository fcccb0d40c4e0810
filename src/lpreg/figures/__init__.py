"""Pictures of a study: each is a data frame first, and is then drawn from that frame."""

from lpreg.figures.curves import draw_curves
from lpreg.figures.drawing import PLACE, Drawing, Evidence
from lpreg.figures.importance import draw_importances
from lpreg.figures.registry import FIGURES, pictures, save_all
from lpreg.figures.weightmaps import draw_weight_maps

__all__ = [
    "FIGURES",
    "PLACE",
    "Drawing",
    "Evidence",
    "draw_curves",
    "draw_importances",
    "draw_weight_maps",
    "pictures",
    "save_all",
]
