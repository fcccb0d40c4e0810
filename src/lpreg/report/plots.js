"use strict";
// Figures: drawn when a reader comes near, in the colours of the page, their buttons and sliders
// as controls of the page, which a keyboard and a finger can use.
(() => {
  const all = (query, under = document) => [...under.querySelectorAll(query)];
  const drawn = new Set();

  // ---- colours ----------------------------------------------------------------------------

  const colour = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const theme = (layout) => {
    const changes = {
      "font.color": colour("--ink"), "font.family": colour("--sans"),
      "hoverlabel.bgcolor": colour("--raised"), "hoverlabel.bordercolor": colour("--line"),
      "hoverlabel.font.color": colour("--ink"),
    };
    for (const axis of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
      changes[`${axis}.gridcolor`] = colour("--grid");
      changes[`${axis}.zerolinecolor`] = colour("--line");
      changes[`${axis}.linecolor`] = colour("--line");
    }
    return changes;
  };
  const paint = (canvas) => Plotly.relayout(canvas, theme(canvas.layout));

  // ---- controls ---------------------------------------------------------------------------

  const act = (canvas, { method, args }) => Plotly[method](canvas, ...structuredClone(args));
  const label = (words, ...parts) => {
    const element = document.createElement("label");
    element.append(words, ...parts);
    return element;
  };
  const choice = (canvas, { buttons, active = 0 }) => {
    const group = document.createElement("div");
    group.className = "choice";
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "What the figure shows");
    const made = buttons.map((each, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = each.label;
      button.setAttribute("aria-pressed", String(i === active));
      button.addEventListener("click", () => {
        for (const other of made) other.setAttribute("aria-pressed", String(other === button));
        act(canvas, each);
      });
      return button;
    });
    group.append(...made);
    return group;
  };
  const list = (canvas, { buttons, active = 0 }) => {
    const select = document.createElement("select");
    for (const [i, each] of buttons.entries())
      select.add(new Option(each.label, i, i === active, i === active));
    select.addEventListener("change", () => act(canvas, buttons[select.value]));
    return label("Show", select);
  };
  const menu = (canvas, each) => (each.buttons.length > 4 ? list : choice)(canvas, each);
  const slider = (canvas, { steps, active = 0, currentvalue }) => {
    const range = document.createElement("input");
    const here = document.createElement("output");
    Object.assign(range, { type: "range", min: 0, max: steps.length - 1, step: 1, value: active });
    const show = () => {
      here.textContent = steps[range.value].label;
      range.setAttribute("aria-valuetext", here.textContent);
    };
    range.addEventListener("input", () => { show(); act(canvas, steps[range.value]); });
    show();
    return label((currentvalue?.prefix ?? "").replace(/[:=]?\s*$/, "") || "Show", range, here);
  };
  const controls = (canvas, layout) => {
    const parts = [
      ...(layout.updatemenus ?? []).map((each) => menu(canvas, each)),
      ...(layout.sliders ?? []).map((each) => slider(canvas, each)),
    ];
    if (!parts.length) return;
    delete layout.updatemenus;
    delete layout.sliders;
    layout.margin.t = 12; // they stood there
    const bar = document.createElement("div");
    bar.className = "controls";
    bar.append(...parts);
    canvas.before(bar);
  };

  // ---- drawing ----------------------------------------------------------------------------

  const nested = (changes, layout) => {
    for (const [path, value] of Object.entries(changes)) {
      const keys = path.split(".");
      const last = keys.pop();
      const place = keys.reduce((part, key) => (part[key] ??= {}), layout);
      place[last] = value;
    }
  };
  const wake = () => {
    if (window.Plotly) return;
    const library = document.createElement("script");
    library.textContent = document.getElementById("plotly").textContent;
    document.head.append(library);
  };
  const draw = async (canvas) => {
    wake();
    drawn.add(canvas);
    const numbers = document.getElementById(`${canvas.id}-numbers`).textContent;
    const { data, layout, frames } = JSON.parse(numbers);
    controls(canvas, layout);
    nested(theme(layout), layout);
    if (innerWidth < 640) layout.dragmode = false; // a finger scrolls the page
    const config = {
      responsive: true, displaylogo: false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      toImageButtonOptions: { format: "svg", filename: canvas.id },
    };
    await Plotly.newPlot(canvas, { data, layout, frames, config });
    canvas.style.minHeight = "";
    canvas.dataset.drawn = "true";
  };
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries)
      if (isIntersecting) {
        near.unobserve(target);
        draw(target);
      }
  }, { rootMargin: "400px 0px" });
  for (const canvas of all(".plot .canvas")) near.observe(canvas);

  document.addEventListener("themed", () => { for (const canvas of drawn) paint(canvas); });
  document.addEventListener("shown", () => {
    for (const canvas of drawn)
      if (canvas.offsetParent && canvas.dataset.drawn) Plotly.Plots.resize(canvas);
  });
  addEventListener("beforeprint", () => {
    for (const canvas of all(".plot .canvas"))
      if (canvas.offsetParent && !drawn.has(canvas)) {
        near.unobserve(canvas);
        draw(canvas);
      }
  });
})();
