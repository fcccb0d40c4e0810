"use strict";
// The mathematics of the page: penalties, the solution and its path. No document, no drawing.
// The loss is w'Gw / 2 - b'w with G = [[1, r], [r, 1]], so that along one weight it is a parabola of
// curvature 1 and the best value of that weight is the prox of what the other leaves for it.
const maths = (() => {
  // ---- penalties --------------------------------------------------------------------------------

  const soft = (v, t) => Math.sign(v) * Math.max(Math.abs(v) - t, 0);

  // Xu et al. (2012), as in lpreg.penalties.powers.
  const half = (v, lam) => {
    const a = Math.abs(v);
    const c = 0.75 * Math.sqrt(3) * lam / (a * Math.sqrt(a));
    if (!(c < Math.SQRT1_2)) return 0;
    const angle = 2 / 3 * Math.asin(c);
    return v * (1 - Math.sin(angle) / Math.sqrt(3) - 2 / 3 * Math.sin(angle / 2) ** 2);
  };

  // A cubic through the four knots around log k; a line beyond the ends.
  const fromTable = (p, { start, step, log_z: logZ, jump }) => (v, lam) => {
    const a = Math.abs(v);
    if (a === 0 || lam === 0) return v;
    const logK = Math.log(p * lam) + (p - 2) * Math.log(a);
    if (jump !== null && logK >= jump) return 0;
    const last = logZ.length - 1;
    const at = (logK - start) / step;
    if (at < 0) return v;
    if (at > last) return v * Math.exp(logZ[last] + (at - last) * (logZ[last] - logZ[last - 1]));
    const i = Math.min(Math.max(Math.floor(at), 1), last - 2);
    const t = at - i;
    const [before, here, next, after] = [logZ[i - 1], logZ[i], logZ[i + 1], logZ[i + 2]];
    return v * Math.exp(
      before * -t * (t - 1) * (t - 2) / 6 + here * (t + 1) * (t - 1) * (t - 2) / 2
      + next * -(t + 1) * t * (t - 2) / 2 + after * (t + 1) * t * (t - 1) / 6);
  };

  // cost(a): of a weight of magnitude a, at strength 1. threshold(lam): up to where the prox is 0.
  // radius(share): from [cos, sin] magnitudes, how far the ball of cost `level` reaches that way.
  const power = (p, prox, threshold) => ({
    convex: p >= 1,
    cost: (a) => (p === 1 ? a : p === 2 ? a * a : p === 0.5 ? Math.sqrt(a) : a ** p),
    prox,
    threshold,
    ball: (level, angle) => { // even in |x|^p, so that the cusps of p < 1 have points
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      const reach = (x) => Math.sign(x) * (level * x * x) ** (1 / p);
      return [reach(c), reach(s)];
    },
  });
  const net = (ratio) => ({
    convex: true,
    cost: (a) => ratio * a + (1 - ratio) / 2 * a * a,
    prox: (v, lam) => soft(v, lam * ratio) / (1 + lam * (1 - ratio)),
    threshold: (lam) => lam * ratio,
    ball: (level, angle) => {
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      const slope = ratio * (Math.abs(c) + Math.abs(s));
      const r = 2 * level / (slope + Math.sqrt(slope * slope + 2 * (1 - ratio) * level));
      return [r * c, r * s];
    },
  });
  const penalty = ({ kind, ratio, p }, tables) => {
    if (kind === "L1") return power(1, soft, (lam) => lam);
    if (kind === "L2") return power(2, (v, lam) => v / (1 + 2 * lam), () => 0);
    if (kind === "EN") return net(ratio);
    if (kind === "half") return power(0.5, half, (lam) => 1.5 * lam ** (2 / 3));
    const known = tables[p];
    const threshold = known.jump === null ? () => 0
      : (lam) => (p * lam / Math.exp(known.jump)) ** (1 / (2 - p));
    return power(p, fromTable(p, known), threshold);
  };

  // ---- the problem ------------------------------------------------------------------------------

  const problem = ({ correlation: r, noise }, truth, shift) => {
    const low = Math.sqrt(1 - r * r);
    const b = [
      truth[0] + r * truth[1] + noise * shift[0],
      r * truth[0] + truth[1] + noise * (r * shift[0] + low * shift[1]),
    ];
    const ols = [(b[0] - r * b[1]) / (1 - r * r), (b[1] - r * b[0]) / (1 - r * r)];
    return { r, b, ols };
  };

  // The loss above its least value.
  const excess = ({ r, ols }, [x, y]) => {
    const [u, v] = [x - ols[0], y - ols[1]];
    return (u * u + v * v) / 2 + r * u * v;
  };
  const total = ({ cost }, [x, y]) => cost(Math.abs(x)) + cost(Math.abs(y));

  // Weight by weight, each to its best, until neither moves.
  const descend = ({ r, b }, { prox }, lam, [x, y]) => {
    for (let i = 0; i < 1000; i++) {
      const first = prox(b[0] - r * y, lam);
      const second = prox(b[1] - r * first, lam);
      const moved = Math.abs(first - x) + Math.abs(second - y);
      [x, y] = [first, second];
      if (moved < 1e-11) break;
    }
    return [x, y];
  };

  // The least of loss + lam penalty: from one start where it is convex; else the best of what is
  // reached from the given starts, from either axis and from zero.
  const solve = (about, chosen, lam, starts) => {
    if (chosen.convex) return descend(about, chosen, lam, starts[0]);
    const alone = about.b.map((v) => chosen.prox(v, lam));
    const ends = [...starts, [alone[0], 0], [0, alone[1]], [0, 0]]
      .map((start) => descend(about, chosen, lam, start));
    const value = (w) => excess(about, w) + lam * total(chosen, w);
    return ends.reduce((best, end) => (value(end) < value(best) - 1e-12 ? end : best));
  };

  // The solution at each strength, from the weakest on.
  const path = (about, chosen, strengths) => {
    let inner = about.ols;
    return strengths.map((lam) => {
      inner = descend(about, chosen, lam, inner);
      return chosen.convex ? inner : solve(about, chosen, lam, [inner]);
    });
  };

  return { penalty, problem, excess, total, descend, solve, path };
})();
