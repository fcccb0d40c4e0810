"use strict";
// The page: controls, what they mean in numbers, and those numbers in four figures and in words.
(() => {
  const GIVEN = JSON.parse(document.getElementById("given").textContent);
  const POINTS = 100;
  const get = (id) => document.getElementById(id);
  const range = (from, to, count) =>
    Array.from({ length: count + 1 }, (_, i) => from + (to - from) * i / count);
  const STRENGTHS = range(-3, 1, POINTS).map((power) => 10 ** power);

  // ---- numbers ----------------------------------------------------------------------------------

  const memory = new Map();
  const kept = (what, key, make) => { // the last of each kind
    if (memory.get(what)?.key !== key) memory.set(what, { key, value: make() });
    return memory.get(what).value;
  };
  const ring = (about, height) => { // the ellipse on which the loss is `height` above its least
    const size = Math.sqrt(2 * height);
    const [long, short] = [size / Math.sqrt(1 + about.r), size / Math.sqrt(1 - about.r)];
    const turns = range(0, 2 * Math.PI, 60);
    const diagonal = turns.map((turn) => long * Math.cos(turn) / Math.SQRT2);
    const across = turns.map((turn) => short * Math.sin(turn) / Math.SQRT2);
    return [
      diagonal.map((d, i) => about.ols[0] + d + across[i]),
      diagonal.map((d, i) => about.ols[1] + d - across[i]),
    ];
  };
  const contours = (about) => {
    const rings = [1, 2, 3, 4, 5, 6, 7].map((k) => ring(about, 0.04 * k * k));
    return [0, 1].map((axis) => rings.flatMap((each) => [...each[axis], null]).slice(0, -1));
  };
  const ball = (chosen, level) => {
    const points = range(0, 2 * Math.PI, 160).map((angle) => chosen.ball(level, angle));
    return [points.map(([x]) => x), points.map(([, y]) => y)];
  };
  const proxCurve = (chosen, lam) => {
    const edge = chosen.threshold(lam);
    const from = Math.min(edge, 2.4);
    const right = edge < 2.4 ? range(from * (1 + 1e-9), 2.4, 60) : [];
    const left = right.map((v) => -v).reverse();
    const x = [...left, ...(left.length && !chosen.convex ? [null] : []), -from, 0, from,
      ...(right.length && !chosen.convex ? [null] : []), ...right];
    return [x, x.map((v) => (v === null ? null : Math.abs(v) <= from ? 0 : chosen.prox(v, lam)))];
  };
  // The logarithm of the prior density, from its peak.
  const belief = (chosen, lam, noise) => {
    return (w) => -GIVEN.n / noise ** 2 * lam * chosen.cost(Math.abs(w));
  };
  const CUBES = range(-1, 1, 160).map((u) => 2.4 * u ** 3); // more of them near zero
  // A line of values that may jump: where p < 1 a weight appears or vanishes at once.
  const broken = (chosen, path, values) => {
    const made = [];
    for (const [i, value] of values.entries()) {
      const jumps = !chosen.convex && i > 0
        && path[i].some((w, axis) => (w === 0) !== (path[i - 1][axis] === 0));
      if (jumps) made.push(null);
      made.push(value);
    }
    return made;
  };

  const compute = (setting) => {
    const { lam, noise } = setting;
    const world = JSON.stringify([setting.correlation, noise, setting.sample]);
    const about = kept("world", world, () =>
      maths.problem(setting, GIVEN.truth, GIVEN.shifts[setting.sample]));
    const which = JSON.stringify([setting.kind, setting.ratio, setting.p]);
    const chosen = kept("penalty", which, () => maths.penalty(setting, GIVEN.tables));
    const path = kept("path", world + which, () => maths.path(about, chosen, STRENGTHS));
    const near = path.findLastIndex((_, i) => STRENGTHS[i] <= lam * (1 + 1e-9));
    const starts = [about.ols, path[Math.max(near, 0)]];
    const w = maths.solve(about, chosen, lam, chosen.convex ? starts.reverse() : starts);
    // what the other weight leaves for each, whose prox it is
    const left = [about.b[0] - about.r * w[1], about.b[1] - about.r * w[0]];
    const lines = kept("lines", world + which, () => ({
      lam: broken(chosen, path, STRENGTHS),
      one: broken(chosen, path, path.map(([x]) => x)),
      two: broken(chosen, path, path.map(([, y]) => y)),
    }));
    const log = belief(chosen, lam, noise);
    return {
      w, ols: about.ols, excess: maths.excess(about, w), penalty: maths.total(chosen, w),
      plane: {
        ball: ball(chosen, maths.total(chosen, w)),
        contours: kept("contours", world, () => contours(about)),
        contour: ring(about, maths.excess(about, w)),
        path: [[about.ols[0], ...lines.one], [about.ols[1], ...lines.two]],
        truth: GIVEN.truth.map((x) => [x]), ols: about.ols.map((x) => [x]),
        solution: w.map((x) => [x]),
      },
      path: {
        here: [[lam, lam], [-1.2, 2.4]], one: [lines.lam, lines.one], two: [lines.lam, lines.two],
        first: [[lam], [w[0]]], second: [[lam], [w[1]]],
      },
      prox: {
        same: [[-2.4, 2.4], [-2.4, 2.4]], curve: proxCurve(chosen, lam),
        first: [[left[0]], [w[0]]], second: [[left[1]], [w[1]]],
      },
      prior: {
        density: [CUBES, CUBES.map(log)],
        first: [[w[0]], [log(w[0])]], second: [[w[1]], [log(w[1])]],
      },
    };
  };

  // ---- controls ---------------------------------------------------------------------------------

  const kinds = [...document.querySelectorAll("input[name=kind]")];
  const SLIDERS = ["strength", "ratio", "correlation", "noise"];
  let sample = 0;
  const setting = () => ({
    kind: kinds.find((kind) => kind.checked).value,
    p: Number(get("p").value),
    lam: 10 ** Number(get("strength").value),
    ratio: Number(get("ratio").value),
    correlation: Number(get("correlation").value),
    noise: Number(get("noise").value),
    sample,
  });
  const short = (value) => String(Number(value.toPrecision(value < 0.1 ? 1 : 2)));
  const exact = (value) => (value === 0 ? "exactly zero" : value.toFixed(Math.abs(value) < 0.01 ? 4 : 2)
    .replace("-", "−"));
  const label = (now) => {
    const tell = { strength: short(now.lam), ratio: now.ratio.toFixed(2),
      correlation: now.correlation.toFixed(2).replace("-", "−"), noise: now.noise.toFixed(2) };
    for (const [id, words] of Object.entries(tell)) {
      get(`${id}-is`).textContent = words;
      get(id).setAttribute("aria-valuetext", words);
    }
    get("ratio").disabled = now.kind !== "EN";
    get("p").disabled = now.kind !== "other";
    get("ratio").closest("label").classList.toggle("off", get("ratio").disabled);
  };
  const NAMES = { L1: "L1", L2: "L2", EN: "Elastic net", half: "p = 0.5" };
  const words = (now, { w, ols }) => {
    const name = NAMES[now.kind] ?? `p = ${now.p}`;
    const weight = (i) => `weight ${i + 1} is ${exact(w[i])}`;
    return `${name} at strength ${short(now.lam)}: ${weight(0)}, ${weight(1)}. `
      + `Least squares has ${exact(ols[0])} and ${exact(ols[1])}.`;
  };

  // ---- drawing ----------------------------------------------------------------------------------

  let numbers = null, waiting = false, resting = 0, ready = false;
  const times = []; // milliseconds of script per move
  const update = () => {
    waiting = false;
    const begin = performance.now();
    const now = setting();
    label(now);
    numbers = compute(now);
    get("words").textContent = words(now, numbers);
    if (ready) for (const name of figures.names) figures.move(name, numbers[name]);
    times.push(performance.now() - begin);
    if (times.length > 500) times.shift();
    clearTimeout(resting);
    resting = setTimeout(rest, 350);
  };
  const changed = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(update);
  };
  const rest = async () => { // Plotly takes over what was moved; who cannot see it is told
    if (ready) get("said").textContent = get("words").textContent;
    const these = numbers;
    for (const name of figures.names) {
      if (these !== numbers) return;
      await figures.draw(name, these[name]);
      await new Promise(requestAnimationFrame);
    }
    ready = true;
    document.body.dataset.rested = String(Number(document.body.dataset.rested ?? 0) + 1);
  };

  for (const control of [...kinds, ...SLIDERS.map(get), get("p")])
    control.addEventListener("input", () => { tour.stop(); changed(); });
  get("sample").addEventListener("click", () => {
    sample = (sample + 1) % GIVEN.shifts.length;
    changed();
  });
  const again = () => { clearTimeout(resting); resting = setTimeout(rest, 100); };
  document.addEventListener("themed", again);
  addEventListener("resize", again);

  // ---- the tour ---------------------------------------------------------------------------------

  const tour = (() => {
    const steps = GIVEN.tour;
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    let at = 0, run = 0;
    const stop = () => { run += 1; };
    const put = (goal) => {
      if (goal.kind) kinds.find((kind) => kind.value === goal.kind).checked = true;
      sample = goal.sample ?? 0;
      const from = Object.fromEntries(SLIDERS.map((id) => [id, Number(get(id).value)]));
      const to = { ...from, ...goal.sliders };
      const begin = performance.now();
      const mine = (run += 1);
      const frame = (time) => {
        if (mine !== run) return;
        const done = calm.matches ? 1 : Math.min(1, Math.max(0, (time - begin) / 900));
        const eased = done * done * (3 - 2 * done);
        for (const id of SLIDERS) get(id).value = from[id] + (to[id] - from[id]) * eased;
        update();
        if (done < 1) requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    };
    const go = (to, moves = true) => {
      at = to;
      get("tour-at").textContent = `Step ${at + 1} of ${steps.length}`;
      get("tour-title").textContent = steps[at].title;
      get("tour-text").textContent = steps[at].text;
      get("tour-back").setAttribute("aria-disabled", String(at === 0));
      get("tour-next").textContent = at === steps.length - 1 ? "From the start" : "Next";
      if (moves) put(steps[at]);
    };
    get("tour-back").addEventListener("click", () => { if (at > 0) go(at - 1); });
    get("tour-next").addEventListener("click", () => go((at + 1) % steps.length));
    get("tour-again").addEventListener("click", () => go(at));
    return { go, stop };
  })();

  for (const part of document.querySelectorAll(".lively")) part.hidden = false;
  get("lifeless").remove();
  tour.go(0, false);
  update();
  clearTimeout(resting);
  rest();
  window.explorer = { compute, update, setting, times, STRENGTHS };
})();
