"""What holds for every penalty: each law takes one and fails with an AssertionError.

tests/penalties/test_laws.py tries them on all cases, test_wrong_versions.py on penalties with one
mistake each.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.func import grad, vmap

from lpreg.penalties import Penalty
from tests.penalties import oracles
from tests.penalties.cases import SHAPE

Law = Callable[[Penalty], None]
STEPS = (0.125, 1.0, 8.0)
DTYPES = (torch.float64, torch.float32, torch.bfloat16)


def some(seed: int, scale: float = 1.0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Normal numbers, one group of them and one more entry zero."""
    x = scale * torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)).to(dtype)
    x[1], x[0, 0, 0] = 0.0, 0.0
    return x


def metric(seed: int, spread: float, dtype: torch.dtype = torch.float64) -> Tensor:
    """Steps between 1/spread and spread."""
    u = torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (math.log(spread) * (2 * u - 1)).exp().to(dtype)


def objective(penalty: Penalty, x: Tensor, v: Tensor, step: Tensor | float) -> Tensor:
    return penalty.value(x) + ((x - v).square() / (2 * step)).sum()


def doubled(penalty: Penalty, factor: float | Tensor) -> Penalty:
    """All strengths times a factor (l1_ratio is none: it stays)."""
    terms = [
        type(term).with_data(term, (term.data()[0] * factor, *term.data()[1:]))
        for term in penalty.addends()
    ]
    return penalty.with_data(tuple(strength for term in terms for strength in term.data()))


# --- the prox ---


def prox_is_the_root(penalty: Penalty) -> None:
    """What bisection finds, to 1e-9 in float64 and 2e-6 in float32, whatever the magnitudes."""
    for dtype, bound in ((torch.float64, 1e-9), (torch.float32, 2e-6)):
        v, step = magnitudes(dtype)
        found = vmap(penalty.prox)(v, step).double()
        root, tie = vmap(partial(oracles.prox, penalty))(v, step)
        # below the smallest normal number, and where the bisection ends, everything is lost
        allowed = bound * root.abs() + 4 * torch.finfo(dtype).tiny + 1e-250 * v.abs()
        off = ((found - root).abs() > allowed) & ~tie
        assert not bool(off.any()), list(zip(v[off], step[off], found[off], root[off], strict=True))


def magnitudes(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Tensors and steps, (many, *SHAPE), of moderate and of extreme size."""
    v, step = [], []
    for seed, power in enumerate(2.0 ** torch.arange(-12, 13, 3, dtype=torch.float64)):
        v += [some(seed), 10 ** some(seed + 50)]
        step += [power.expand(SHAPE), metric(seed, 1e4) * power]
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        u = torch.rand(2, *SHAPE, generator=generator, dtype=torch.float64)
        v += [10 ** (60 * u[0] - 30), 10 ** (4 * u[0] - 30)]
        step += [2 ** (200 * u[1] - 100).round(), 2 ** (20 * u[1] - 105).round()]
    return torch.stack(v).to(dtype), torch.stack(step).to(dtype)


def prox_beats_the_grid(penalty: Penalty) -> None:
    """No point of a fine grid is better: along each axis, along the answer, and towards v."""
    grid = torch.linspace(-1.25, 1.25, 1001, dtype=torch.float64)
    for seed, size in enumerate(STEPS):
        v = some(seed, 2.0)
        axes = torch.eye(v.numel(), dtype=torch.float64).view(-1, *SHAPE)
        for step in (torch.tensor(size).double(), metric(seed, 5.0) * size):
            x = penalty.prox(v, step)
            starts = torch.cat([x * (1 - axes), 0 * x[None], x[None]])
            lines = torch.cat([axes * v.abs().amax(), x[None], v[None]])
            tried = vmap(vmap(partial(_on_line, penalty, v, step), (None, None, 0)), (0, 0, None))
            best = objective(penalty, x, v, step)
            assert bool((tried(starts, lines, grid) >= best - 1e-12 * best).all()), (v, step, x)


def _on_line(
    penalty: Penalty, v: Tensor, step: Tensor, start: Tensor, line: Tensor, c: Tensor
) -> Tensor:
    return objective(penalty, start + c * line, v, step)


def prox_is_a_subgradient_step(penalty: Penalty) -> None:
    """For convex penalties (v - x) / step is a subgradient at x: a plane below the penalty."""
    if not penalty.convex:
        return
    for seed, step in enumerate(STEPS):
        for scale in (0.1, 1.0, 10.0):
            v, s = some(seed, scale), metric(seed + 9, 10.0) * step
            x = penalty.prox(v, s)
            slope, value = (v - x) / s, penalty.value(x)
            for far in (1.0, 0.1, 1e-3, 1e-5):
                others = torch.stack([x * (1 + far), x * (1 - far), 0 * x, v, x + far * some(77)])
                plane = value + ((others - x) * slope).flatten(1).sum(1)
                slack = vmap(penalty.value)(others) - plane
                rounding = 1e-15 * ((others - x) * v / s).abs().flatten(1).sum(1)
                assert bool((slack >= -1e-12 * (value + plane.abs()) - rounding).all()), (v, s, x)


def nothing_moves_without_strength_or_step(penalty: Penalty) -> None:
    for dtype in DTYPES:
        v = some(1, dtype=dtype)
        for size in (1e-30, 1.0, 1e30):
            for step in (1.0, 1e-12, torch.tensor(1e5), metric(2, 1e8, torch.float32)):
                assert torch.equal(doubled(penalty, 0.0).prox(size * v, step), size * v)
            for zero in (0.0, torch.tensor(0.0), torch.zeros(SHAPE)):
                assert torch.equal(penalty.prox(size * v, zero), size * v)


def zero_stays_zero(penalty: Penalty) -> None:
    zero = torch.zeros(SHAPE)
    for step in (0.0, 1e-30, 1.0, 1e30, metric(1, 1e12, torch.float32)):
        assert torch.equal(penalty.prox(zero, step), zero)
        assert torch.equal(penalty.prox(some(3, dtype=torch.float32), step)[1], zero[1])


def prox_is_odd_and_shrinks(penalty: Penalty) -> None:
    for seed in range(5):
        v, step = some(seed, 3.0), metric(seed, 20.0)
        x = penalty.prox(v, step)
        assert torch.equal(penalty.prox(-v, step), -x)
        assert bool((x.abs() <= v.abs()).all()) and bool((x * v >= 0).all())
        assert bool((x != v).any())


def prox_rises_with_v(penalty: Penalty) -> None:
    if not penalty.separable:
        return
    v = torch.linspace(-6, 6, 4001, dtype=torch.float64)
    for step in STEPS:
        assert bool((penalty.prox(v, step).diff() >= -1e-15).all())


def prox_is_finite_everywhere(penalty: Penalty) -> None:
    for dtype in DTYPES:
        sizes = torch.tensor([0.0, 1e-38, 1e-30, 1e-10, 1.0, 1e10, 1e30], dtype=dtype)
        v = torch.stack([size * some(5, dtype=dtype) for size in sizes])
        for step in (*sizes, *(size * metric(4, 1e6, dtype) for size in sizes)):
            x = vmap(lambda v, step=step: penalty.prox(v, step))(v)
            assert x.dtype == dtype and x.shape == v.shape and bool(x.isfinite().all()), step


def low_precision_is_rounded_once(penalty: Penalty) -> None:
    """bfloat16 gives what float32 gives, rounded: whatever the dtype of the step."""
    v, step = some(6, 2.0, torch.bfloat16), metric(6, 8.0, torch.bfloat16)
    expected = penalty.prox(v.float(), step.float()).bfloat16()
    assert torch.equal(penalty.prox(v, step), expected)
    assert torch.equal(penalty.prox(v, step.float()), expected)
    torch.testing.assert_close(penalty.value(v), penalty.value(v.float()))


def nan_stays_nan(penalty: Penalty) -> None:
    """A diverged weight must not come back as a healthy zero."""
    v = some(7)
    v[0, 1, 2] = torch.nan
    for step in (0.5, metric(7, 3.0)):
        assert bool(penalty.prox(v, step)[0, 1, 2].isnan())
    assert bool(penalty.value(v).isnan()) or not penalty.gradient(v).any()


def a_metric_is_a_step_per_entry(penalty: Penalty) -> None:
    """One step for all, written as a tensor, is that step; separable entries know only theirs."""
    v, step = some(8, 2.0), metric(8, 10.0)
    for one in STEPS:
        whole = torch.full(SHAPE, one, dtype=torch.float64)
        torch.testing.assert_close(penalty.prox(v, whole), penalty.prox(v, one), rtol=1e-12, atol=0)
    if penalty.separable:
        alone = [penalty.prox(a, s) for a, s in zip(v.view(-1, 1), step.view(-1, 1), strict=True)]
        torch.testing.assert_close(
            penalty.prox(v, step), torch.cat(alone).view(SHAPE), rtol=1e-14, atol=0
        )


def names_are_positions(penalty: Penalty) -> None:
    v, step = some(9), metric(9, 2.0)
    assert torch.equal(penalty.prox(v=v, step=step), penalty.prox(v, step))
    assert torch.equal(penalty.prox(v), penalty.prox(v, 1))


# --- value and gradient ---


def gradient_is_the_slope_of_the_value(penalty: Penalty) -> None:
    """Central differences away from 0 (and from ties), autograd everywhere."""
    h = 1e-5
    for seed in range(3):
        w = some(seed)
        w = torch.where(w.abs() > 0.05, w, 0.4) + 0.01 * some(seed + 5)
        slope, shifts = penalty.gradient(w), h * torch.eye(w.numel()).double().view(-1, *SHAPE)
        rise = vmap(penalty.value)(w + shifts) - vmap(penalty.value)(w - shifts)
        noise = 1e-7 * float(slope.abs().amax())
        torch.testing.assert_close(slope, (rise / (2 * h)).view(SHAPE), rtol=1e-6, atol=noise)


def autograd_agrees(penalty: Penalty) -> None:
    """At zeros and ties too, in every dtype: 0 where the mathematics has no gradient."""
    for dtype in (torch.float64, torch.float32):
        tied = some(1, dtype=dtype).sign()
        for w in (some(0, dtype=dtype), tied, 0 * tied, 1e-6 * tied):
            slope = penalty.gradient(w)
            assert slope.dtype == dtype and bool(slope.isfinite().all())
            assert not slope[w == 0].any()
            torch.testing.assert_close(slope, grad(penalty.value)(w), rtol=1e-5, atol=1e-7)


def value_is_strength_times_shape(penalty: Penalty) -> None:
    w = some(2)
    value = penalty.value(w)
    assert value.shape == () and float(value) > 0
    assert float(penalty.value(0 * w)) == 0
    torch.testing.assert_close(doubled(penalty, 3.0).value(w), 3 * value)
    torch.testing.assert_close(penalty.value(-w), value)


def data_goes_out_and_in(penalty: Penalty) -> None:
    """Strengths are data, all else is structure: hashable, and equal when it is the same."""
    again = penalty.with_data(penalty.data())
    assert again == penalty and hash(again) == hash(penalty) and repr(again) == repr(penalty)
    blank = penalty.with_data((0.0,) * len(penalty.data()))
    assert {doubled(penalty, 2.0).with_data(blank.data()): "same"}[blank] == "same"
    assert all(strength == 0 for strength in blank.data()) and blank != penalty
    traits = ("convex", "separable", "smooth", "scope")
    assert all(getattr(blank, trait) == getattr(penalty, trait) for trait in traits)


def a_stack_is_a_loop(penalty: Penalty) -> None:
    """Under vmap, with strengths and metrics of their own, members get what they get alone."""
    members = 4
    w = torch.stack([some(seed, 2.0) for seed in range(members)])
    slopes = torch.stack([some(seed + 20) for seed in range(members)])
    steps = torch.stack([metric(seed, 100.0) for seed in range(members)])
    factors = torch.tensor([0.5, 1.0, 1.5, 0.0], dtype=torch.float64)
    alone = [doubled(penalty, float(factor)) for factor in factors]
    columns = zip(*(each.data() for each in alone), strict=True)
    data = tuple(torch.tensor(column, dtype=torch.float64) for column in columns)
    for method, args in (
        (type(penalty).value, (w,)),
        (type(penalty).gradient, (w,)),
        (type(penalty).lam_max, (slopes,)),
        (type(penalty).distance, (w, slopes)),
        (type(penalty).prox, (w, steps)),
        (type(penalty).prox, (w, steps[:, 0, 0, 0])),
        (_prox_dual, (w, slopes / 100, steps)),
    ):
        if not works(penalty, method, [arg[0] for arg in args]):
            continue
        stacked = vmap(partial(_of_member, penalty, method))(data, *args)
        looped = torch.stack([method(alone[i], *(a[i] for a in args)) for i in range(members)])
        torch.testing.assert_close(stacked, looped, rtol=1e-12, atol=1e-14)


def strengths_spread_over_rows(penalty: Penalty) -> None:
    """A rowwise prox takes a column of strengths, and each row gets what it gets alone."""
    if not penalty.rowwise:
        return
    members = 4
    v = torch.stack([some(seed, 2.0).flatten() for seed in range(members)])
    steps = torch.stack([metric(seed, 100.0).flatten() for seed in range(members)])
    alone = [doubled(penalty, factor) for factor in (0.5, 1.0, 1.5, 0.0)]
    columns = zip(*(each.data() for each in alone), strict=True)
    data = tuple(torch.tensor(column, dtype=torch.float64)[:, None] for column in columns)
    for step in (steps, steps[:, :1]):
        spread = type(penalty).prox(penalty.with_data(data), v, step)
        looped = [alone[i].prox(v[i], step[i].expand_as(v[i])) for i in range(members)]
        torch.testing.assert_close(spread, torch.stack(looped), rtol=1e-12, atol=1e-14)


def strengths_spread_over_slopes(penalty: Penalty) -> None:
    """A rowwise gradient takes a column of strengths, and each row gets what it gets alone."""
    if not penalty.rowwise:
        return
    w = torch.stack([some(seed, 2.0).flatten() for seed in range(3)])
    alone = [doubled(penalty, factor) for factor in (0.5, 1.0, 0.0)]
    columns = zip(*(each.data() for each in alone), strict=True)
    data = tuple(torch.tensor(column, dtype=torch.float64)[:, None] for column in columns)
    spread = type(penalty).gradient(penalty.with_data(data), w)
    looped = [each.gradient(row) for each, row in zip(alone, w, strict=True)]
    torch.testing.assert_close(spread, torch.stack(looped), rtol=1e-12, atol=1e-14)


def _of_member(
    penalty: Penalty, method: Callable[..., Tensor], data: tuple[Tensor, ...], *args: Tensor
) -> Tensor:
    return method(penalty.with_data(data), *args)


def _prox_dual(penalty: Penalty, v: Tensor, dual: Tensor, step: Tensor) -> Tensor:
    homogeneous, _ = penalty.split()
    return v if homogeneous is None else torch.stack(homogeneous.prox_dual(v, dual, step))


def works(penalty: Penalty, method: Callable[..., Tensor], args: list[Tensor]) -> bool:
    """False if the penalty refuses the method."""
    try:
        method(penalty, *args)
    except ValueError:
        return False
    return True


# --- stationarity ---


def lam_max_is_the_edge_of_zero(penalty: Penalty) -> None:
    """At w = 0 a short proximal gradient step stays there from lam_max on, and not below."""
    step = 1e-9
    for seed in range(4):
        slope = some(seed)
        for side, stays in ((1 + 1e-6, True), (1 - 1e-6, False)):
            edge = penalty.lam_max(slope)
            assert edge.shape == () and edge.dtype == slope.dtype
            near = 1e6 if edge.isinf() else 1e3 if edge == 0 else float(edge) * side
            moved = bool(at_strength(penalty, near).prox(-step * slope, step).any())
            assert moved == (bool(edge.isinf()) or (not stays and float(edge) > 0)), (edge, side)
    assert float(penalty.lam_max(torch.zeros(SHAPE))) == 0


def at_strength(penalty: Penalty, edge: float) -> Penalty:
    """The penalty at what `lam_max` speaks of: its strength, for sums a factor on all."""
    if len(penalty.addends()) > 1:
        return doubled(penalty, edge)
    return penalty.with_data((edge, *penalty.data()[1:]))


def distance_is_the_speed_of_the_prox(penalty: Penalty) -> None:
    """w moves at the speed |smallest subgradient| under proximal gradient steps of no length."""
    step = 1e-7
    for seed in range(4):
        slope = some(seed + 30)
        for w in (some(seed), some(seed).sign(), 0 * slope, penalty.prox(some(seed, 3.0), 0.25)):
            distance = penalty.distance(w, slope)
            assert bool((distance >= 0).all())
            if penalty.smooth:  # where the slope has an infinite slope, no step is short enough
                torch.testing.assert_close(distance, (slope + grad(penalty.value)(w)).abs())
                continue
            speed = (w - penalty.prox(w - step * slope, step)) / step
            if distance.shape == w.shape:
                torch.testing.assert_close(distance, speed.abs(), rtol=1e-5, atol=1e-5)
            else:
                assert distance.dim() == 1
                torch.testing.assert_close(distance.norm(), speed.norm(), rtol=1e-5, atol=1e-5)


def distance_is_zero_at_the_prox(penalty: Penalty) -> None:
    for seed in range(4):
        for dtype, bound in ((torch.float64, 1e-9), (torch.float32, 2e-5)):
            v, step = some(seed, 2.0, dtype), metric(seed, 4.0, dtype)
            x = penalty.prox(v, step)
            assert float(penalty.distance(x, (x - v) / step).abs().amax()) <= bound
            assert float(penalty.distance(x, (x - v) / step + 1.0).abs().amax()) > 0.01


def split_is_a_partition(penalty: Penalty) -> None:
    homogeneous, rest = penalty.split()
    w = some(4)
    parts = [part for part in (homogeneous, rest) if part is not None]
    assert parts
    torch.testing.assert_close(torch.stack([p.value(w) for p in parts]).sum(), penalty.value(w))
    if homogeneous is not None:
        torch.testing.assert_close(homogeneous.value(3 * w), 3 * homogeneous.value(w))
    if rest is not None:
        assert not abs(float(rest.value(3 * w) / rest.value(w)) - 3) < 0.01


OF_THE_PROX: list[Law] = [
    prox_beats_the_grid,
    prox_is_a_subgradient_step,
    nothing_moves_without_strength_or_step,
    zero_stays_zero,
    prox_is_odd_and_shrinks,
    prox_rises_with_v,
    prox_is_finite_everywhere,
    low_precision_is_rounded_once,
    nan_stays_nan,
    a_metric_is_a_step_per_entry,
    names_are_positions,
    strengths_spread_over_rows,
    lam_max_is_the_edge_of_zero,
    distance_is_the_speed_of_the_prox,
    distance_is_zero_at_the_prox,
]
OF_ALL: list[Law] = [
    gradient_is_the_slope_of_the_value,
    autograd_agrees,
    value_is_strength_times_shape,
    data_goes_out_and_in,
    a_stack_is_a_loop,
    strengths_spread_over_slopes,
    split_is_a_partition,
]
