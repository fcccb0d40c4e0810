"""Pictures of a study: each is a data frame first, and is then drawn from that frame."""

from lpreg.figures.curves import draw_curves
from lpreg.figures.importance import draw_importances
from lpreg.figures.weightmaps import draw_weight_maps

__all__ = ["draw_curves", "draw_importances", "draw_weight_maps"]
