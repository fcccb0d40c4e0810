"use strict";
// Four Plotly figures. Plotly draws them when they rest; while a slider moves, their lines and
// marks are moved in place, which takes a hundredth of the time.
const figures = (() => {
  const MARGIN = { l: 46, r: 10, t: 8, b: 42 };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const wake = () => {
    if (window.Plotly) return;
    const library = document.createElement("script");
    library.textContent = document.getElementById("plotly").textContent;
    document.head.append(library);
  };

  // What is drawn over what, and how it looks; its numbers come later, by name.
  const line = (name, tone, width = 2, dash = "solid", more = {}) =>
    ({ name, tone, trace: { mode: "lines", line: { width, dash, simplify: false }, ...more } });
  const mark = (name, tone, symbol, size, text) =>
    ({ name, tone, trace: { mode: "markers", marker: { symbol, size, line: { width: 1.5 } } }, text });
  const FIRST = ["first", "--first", "circle", 10, "weight 1"];
  const SECOND = ["second", "--second", "diamond", 10, "weight 2"];
  const PLANE = [-1.2, 2.8, -1.6, 2.4];
  const STRENGTH = [-3, 1];
  const SPECS = {
    plane: {
      x: { title: "weight 1", range: PLANE.slice(0, 2) },
      y: { title: "weight 2", range: PLANE.slice(2) },
      parts: [
        line("ball", "--ball", 1.5, "solid", { fill: "toself" }),
        line("contours", "--faint", 1),
        line("contour", "--loss", 1.8),
        line("path", "--path", 2.2, "dot"),
        mark("truth", "--quiet", "star", 11, "truth"),
        mark("ols", "--loss", "x-thin", 9, "least squares"),
        mark("solution", "--solution", "circle", 11, "solution"),
      ],
    },
    path: {
      x: { title: "strength λ", range: STRENGTH, type: "log" },
      y: { title: "weight", range: [-1.2, 2.4] },
      parts: [
        line("here", "--quiet", 1),
        line("one", "--first", 2.4), line("two", "--second", 2.4, "dash"),
        mark(...FIRST), mark(...SECOND),
      ],
    },
    prox: {
      x: { title: "what the loss alone would give, v", range: [-2.4, 2.4] },
      y: { title: "what the weight becomes", range: [-2.4, 2.4] },
      parts: [
        line("same", "--faint", 1.2, "dot"), line("curve", "--solution", 2.4),
        mark(...FIRST), mark(...SECOND),
      ],
    },
    prior: {
      x: { title: "weight", range: [-2.4, 2.4] },
      y: { title: "log of the prior density, from its peak", range: [-60, 4] },
      parts: [
        line("density", "--solution", 2.4),
        mark(...FIRST), mark(...SECOND),
      ],
    },
  };

  const axis = ({ title, range, type = "linear" }) => ({
    range, type, title: { text: title, standoff: 6 }, fixedrange: true, zeroline: type === "linear",
    gridcolor: colour("--grid"), zerolinecolor: colour("--quiet"), linecolor: colour("--line"),
    automargin: false, nticks: 6, ...(type === "log" ? { dtick: 1 } : {}),
  });
  const layout = (spec, canvas) => ({
    xaxis: axis(spec.x), yaxis: axis(spec.y), margin: MARGIN, showlegend: false, hovermode: "closest",
    width: canvas.clientWidth, height: canvas.clientHeight, dragmode: false,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: colour("--ink"), family: colour("--sans"), size: 12 },
    hoverlabel: { bgcolor: colour("--raised"), font: { color: colour("--ink") } },
  });
  const traces = (spec, numbers) => spec.parts.map(({ name, tone, trace, text }) => {
    const ink = colour(tone);
    const styled = structuredClone(trace);
    if (styled.line) styled.line.color = ink;
    if (styled.marker) Object.assign(styled.marker, { color: ink, line: { color: ink, width: 1.5 } });
    if (name === "solution" || name === "first" || name === "second")
      styled.marker.line.color = colour("--ground");
    if (styled.fill) styled.fillcolor = `${ink}30`;
    const hover = text ? { hovertemplate: `${text}: (%{x:.3f}, %{y:.3f})<extra></extra>` } : { hoverinfo: "skip" };
    const [x, y] = numbers[name];
    return { type: "scatter", name, x, y, ...hover, ...styled };
  });

  const shown = {}; // name -> what of a drawn figure is moved
  const reach = (name) => {
    const canvas = document.getElementById(name);
    const nodes = [...canvas.querySelectorAll(".scatterlayer .trace")];
    const scale = (range, from, to) => (value) =>
      from + (value - range[0]) / (range[1] - range[0]) * (to - from);
    const spec = SPECS[name];
    const wide = canvas.clientWidth - MARGIN.l - MARGIN.r;
    const high = canvas.clientHeight - MARGIN.t - MARGIN.b;
    const x = scale(spec.x.range, 0, wide);
    shown[name] = {
      x: spec.x.type === "log" ? (value) => x(Math.log10(value)) : x,
      y: scale(spec.y.range, high, 0),
      parts: spec.parts.map((part, i) => ({
        name: part.name,
        line: nodes[i].querySelector(".js-line"),
        fill: part.trace.fill && canvas.querySelector(".js-fill"),
        point: nodes[i].querySelector(".point"),
      })),
    };
  };

  const stroke = ({ x, y }, xs, ys) => {
    let d = "", pen = "M";
    for (let i = 0; i < xs.length; i++)
      if (xs[i] === null) pen = "M";
      else {
        d += `${pen}${x(xs[i]).toFixed(2)},${y(ys[i]).toFixed(2)}`;
        pen = "L";
      }
    return d;
  };
  const move = (name, numbers) => {
    const view = shown[name];
    for (const part of view.parts) {
      const [xs, ys] = numbers[part.name];
      if (part.point)
        part.point.setAttribute("transform", `translate(${view.x(xs[0])},${view.y(ys[0])})`);
      else {
        const d = stroke(view, xs, ys);
        part.line.setAttribute("d", d);
        if (part.fill) part.fill.setAttribute("d", `${d}Z`);
      }
    }
  };
  const draw = async (name, numbers) => {
    wake();
    const canvas = document.getElementById(name);
    const config = { displayModeBar: false, scrollZoom: false, doubleClick: false };
    await Plotly.react(canvas, traces(SPECS[name], numbers), layout(SPECS[name], canvas), config);
    reach(name);
  };
  return { names: Object.keys(SPECS), SPECS, draw, move };
})();
