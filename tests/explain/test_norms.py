"""Norms: penalty, slope and prox of one weight, balls, animations, against formulas and grids."""

from itertools import pairwise
from math import gamma, inf, pi

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import minimize_scalar

from lpreg.explain import balls, limits, norms
from lpreg.explain.common import film

POWERS = (0.5, 1.0, 2.0, 3.0)


@pytest.fixture(scope="module")
def shapes():
    return norms.frame(norms.SHAPES)


@pytest.fixture(scope="module")
def slopes():
    return norms.slope_frame(norms.ORDERS)


@pytest.mark.parametrize("p", POWERS)
def test_values_and_slopes_are_those_of_the_formula(shapes, p):
    rows = shapes[(shapes["p"] == p) & (shapes["x"] != 0)]
    x = rows["x"].to_numpy()
    assert np.allclose(rows["value"], np.abs(x) ** p, rtol=1e-12)
    assert np.allclose(rows["slope"], p * np.abs(x) ** (p - 1) * np.sign(x), rtol=1e-12)


@pytest.mark.parametrize("p", POWERS)
def test_the_prox_is_where_scipy_finds_the_minimum(shapes, p):
    rows = shapes[shapes["p"] == p].iloc[::25]
    for x, found in zip(rows["x"], rows["prox"], strict=True):
        objective = lambda u, x=x: 0.5 * abs(u) ** p + (u - x) ** 2 / 2  # noqa: E731
        pieces = np.linspace(-2, 2, 9)
        tried = [
            minimize_scalar(objective, bounds=ends, method="bounded", options={"xatol": 1e-10})
            for ends in pairwise(pieces)
        ]
        best = min([0.0, *(each.x for each in tried)], key=objective)
        assert objective(found) <= objective(best) + 1e-12


def test_the_limits_are_the_count_and_the_wall(shapes):
    count, wall = (shapes[shapes["p"] == p] for p in (0, inf))
    assert (count["value"] == (count["x"] != 0)).all()
    inside = wall["x"].abs() < 0.99
    assert wall.loc[inside, "value"].max() < 1e-40
    assert np.allclose(wall["prox"], wall["x"].clip(-1, 1), atol=2e-3)


def test_only_the_slope_of_n_2_is_the_claimed_line(slopes):
    straight = {}
    for n, rows in slopes.groupby("n"):
        steepness = np.polyfit(rows["x"], rows["slope"], 1)[0]
        off = np.abs(rows["slope"] - steepness * rows["x"]).max()
        straight[n] = (off < 1e-9, bool(np.isclose(steepness, n)))
    assert straight.pop(2.0) == (True, True)
    assert not any(line for line, _ in straight.values())


def test_the_statements_are_judged(shapes, slopes):
    found = {each.claim.name: each for each in norms.statements(shapes, slopes)}
    assert [each.holds for each in found.values()] == [False, True, True]
    assert "6 at n = 3" in found["slopes-straight"].ours
    assert norms.statements(shapes, slopes.assign(slope=slopes["claimed"]))[0].holds


@pytest.mark.parametrize("p", balls.FLAT)
def test_every_point_of_an_edge_has_norm_1(p):
    edge = balls.frame((p,))
    a = edge[["x", "y"]].abs().to_numpy()
    total = a.max(axis=1) if p == inf else (a**p).sum(axis=1)
    assert np.allclose(total, 1, rtol=1e-9)
    assert np.allclose(np.arctan2(edge["y"], edge["x"]) % (2 * pi), edge["angle"] % (2 * pi))


@pytest.mark.parametrize("p", [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 64.0])
def test_areas_are_those_of_the_gamma_function(p):
    assert balls.area(p) == pytest.approx(4 * gamma(1 + 1 / p) ** 2 / gamma(1 + 2 / p), rel=1e-6)


@pytest.mark.parametrize("p", balls.SOLID)
def test_a_mesh_lies_on_its_ball_and_encloses_its_volume(p):
    cells = balls.mesh(p)
    a = np.abs(cells.reshape(-1, 3))
    assert np.allclose(a.max(axis=1) if p == inf else (a**p).sum(axis=1), 1, rtol=1e-9)
    a, b, c, d = np.moveaxis(cells, 1, 0)
    halves = [(np.cross(u, v) * a).sum(axis=1) for u, v in ((b, c), (c, d))]
    volume = 8.0 if p == inf else 8 * gamma(1 + 1 / p) ** 3 / gamma(1 + 3 / p)
    assert sum(np.abs(half).sum() for half in halves) / 6 == pytest.approx(volume, rel=0.02)


def test_balls_below_1_are_not_convex_and_the_others_are():
    lost = {p: balls.outside(p, 500, np.random.default_rng(1)) for p in (0.5, 0.9, 1.0, 1.1, inf)}
    assert [share > 0 for share in lost.values()] == [True, True, False, False, False]
    assert all(each.holds for each in balls.statements(200))


def test_an_animation_ends_at_its_limit(tmp_path):
    moving = limits.frame(81)
    for end, (path, limit, _) in limits.ENDS.items():
        last = moving[(moving["end"] == end) & (moving["p"] == path[-1])]
        graph = last[(last["kind"] == "graph") & (last["x"].abs() < 0.9) & (last["x"].abs() > 0.1)]
        assert np.allclose(graph["y"], 0 if limit == inf else 1, atol=0.06)
        ball = last.loc[last["kind"] == "ball", ["x", "y"]].abs()
        edge = ball.max(axis=1) if limit == inf else 1 + ball.min(axis=1)
        assert np.allclose(edge, 1, atol=0.01)
    rows = moving[(moving["end"] == "zero") & (moving["p"].isin(limits.DOWN[:3]))]
    figure, steps = limits.scene(rows, "zero")
    film(figure, [next(steps) for _ in range(3)], tmp_path, "short", "", "")
    with Image.open(tmp_path / "short.gif") as animation:
        assert getattr(animation, "n_frames", 1) == 3
    assert (tmp_path / "short.png").exists()


def test_pictures_show_what_their_frames_hold(shapes):
    figure = norms.draw(shapes)
    drawn = {str(each.get_label()): each for each in figure.axes[0].get_lines()}
    for p in (1.0, 2.0):
        x, y = drawn[f"p = {p:g}"].get_data()
        assert np.allclose(y, np.abs(np.asarray(x)) ** p)
