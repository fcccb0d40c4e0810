"""What must hold for every picture that is a page of texts."""

from collections.abc import Sequence
from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


def assert_legible(figure: Figure, texts: Sequence[Text]) -> None:
    """No text lies on another or leaves the page."""
    FigureCanvasAgg(figure).draw()
    boxes = {
        f"{number} {text.get_text()}": text.get_window_extent()
        for number, text in enumerate(texts)
        if text.get_text()
    }
    assert [
        name
        for name, box in boxes.items()
        if not all(figure.bbox.contains(x, y) for x, y in box.corners())
    ] == []
    assert [
        pair for pair in combinations(boxes, 2) if boxes[pair[0]].overlaps(boxes[pair[1]])
    ] == []
