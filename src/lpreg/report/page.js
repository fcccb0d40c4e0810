"use strict";
(() => {
  const all = (query, under = document) => [...under.querySelectorAll(query)];
  const root = document.documentElement;

  // What is told to those who cannot see that something happened.
  const say = (text) => { document.getElementById("said").textContent = text; };

  // ---- theme ------------------------------------------------------------------------------

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const themed = () => document.dispatchEvent(new Event("themed"));
  const remember = (theme) => {
    try {
      if (theme === "auto") localStorage.removeItem("lpreg-theme");
      else localStorage.setItem("lpreg-theme", theme);
    } catch { /* a page without storage starts in the reader's own theme */ }
  };
  const press = () => {
    const theme = root.dataset.theme ?? "auto";
    for (const button of all(".theme button"))
      button.setAttribute("aria-pressed", String(button.dataset.theme === theme));
  };
  for (const button of all(".theme button"))
    button.addEventListener("click", () => {
      const theme = button.dataset.theme;
      if (theme === "auto") delete root.dataset.theme;
      else root.dataset.theme = theme;
      remember(theme);
      press();
      themed();
    });
  for (const group of all(".theme")) group.hidden = false;
  dark.addEventListener("change", themed);
  press();

  // ---- tables: sort -----------------------------------------------------------------------

  // The value of a cell is its first number, or its text.
  const value = (cell) => {
    const numbers = cell.dataset.values;
    return numbers === undefined ? cell.textContent.trim() : Number(numbers.split(" ")[0] || NaN);
  };
  const compare = (left, right, sign) => {
    if (typeof left === "string" || typeof right === "string")
      return sign * String(left).localeCompare(String(right), "en", { numeric: true });
    if (Number.isNaN(left) || Number.isNaN(right)) // what is missing stays at the end
      return Number.isNaN(left) - Number.isNaN(right);
    return sign * (left - right);
  };
  const sort = (head) => {
    const table = head.closest("table");
    const column = [...head.parentNode.children].indexOf(head);
    const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    const sign = order === "ascending" ? 1 : -1;
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [value(row.cells[column]), row]);
    rows.sort((left, right) => compare(left[0], right[0], sign));
    body.append(...rows.map(([, row]) => row));
    for (const other of all("th[aria-sort]", table.tHead)) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", order);
    say(`sorted by ${head.textContent.trim()}, ${order}`);
  };
  for (const button of all("th button"))
    button.addEventListener("click", () => sort(button.closest("th")));

  // ---- tables: copy -----------------------------------------------------------------------

  const shown = (table) => [...table.tBodies[0].rows].filter((row) => row.offsetParent !== null);
  const text = (cell, without = ".unseen") => {
    const copy = cell.cloneNode(true);
    for (const part of all(without, copy)) part.remove();
    return copy.textContent.replace(/\s+/g, " ").trim();
  };
  const grid = (table) => [
    [...table.tHead.rows[0].cells].map((cell) => text(cell)),
    ...shown(table).map((row) => [...row.cells].map((cell) => text(cell))),
  ];

  // CSV has every number in a column of its own, at full precision.
  const quoted = (word) => (/[",\r\n]/.test(word) ? `"${word.replaceAll('"', '""')}"` : word);
  const csv = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const names = heads.flatMap((head) => head.dataset.columns.split(" "));
    const rows = shown(table).map((row) =>
      [...row.cells].flatMap((cell) =>
        cell.dataset.values === undefined ? [text(cell, ".star")] : cell.dataset.values.split(" ")));
    return [names, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
  };
  const aligned = (table) =>
    [...table.tHead.rows[0].cells].map((head) => !head.classList.contains("text"));
  const markdown = (table) => {
    const lines = grid(table).map((row) =>
      `| ${row.map((word) => word.replace(/([\\|<>*_`])/g, "\\$1")).join(" | ")} |`);
    const rule = `| ${aligned(table).map((right) => (right ? "---:" : "---")).join(" | ")} |`;
    return [lines[0], rule, ...lines.slice(1)].join("\n") + "\n";
  };
  const LATEX = {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
    "±": "$\\pm$", "−": "$-$", "λ": "$\\lambda$", "×": "$\\times$", "∞": "$\\infty$",
    "<": "$<$", ">": "$>$", "|": "$|$", "²": "$^2$", "★": "$\\star$",
  };
  const latex = (table) => {
    const tex = (word) =>
      word.replace(/[\\~^±−λ×∞<>|²★]|[&%$#_{}]/g, (mark) => LATEX[mark] ?? `\\${mark}`);
    const lines = grid(table).map((row) => `  ${row.map(tex).join(" & ")} \\\\`);
    const columns = aligned(table).map((right) => (right ? "r" : "l")).join("");
    return [
      `\\begin{tabular}{${columns}}`, "  \\toprule", lines[0], "  \\midrule",
      ...lines.slice(1), "  \\bottomrule", "\\end{tabular}",
    ].join("\n") + "\n";
  };
  const FORMATS = { CSV: csv, Markdown: markdown, LaTeX: latex };

  const copy = async (words) => {
    try {
      await navigator.clipboard.writeText(words);
    } catch { // a browser that has no clipboard for files
      const area = document.createElement("textarea");
      area.value = words;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  const confirm = (button, what) => {
    const label = button.textContent;
    button.textContent = "Copied";
    say(`${what} copied`);
    setTimeout(() => { button.textContent = label; }, 1200);
  };
  for (const button of all("button[data-copy]"))
    button.addEventListener("click", async () => {
      const kind = button.dataset.copy;
      const from = document.getElementById(button.dataset.from);
      const before = document.activeElement;
      await copy(kind in FORMATS ? FORMATS[kind](from) : from.textContent);
      before.focus({ preventScroll: true });
      confirm(button, kind in FORMATS ? `the table as ${kind}` : "the text");
    });
  for (const group of all(".copy")) group.hidden = false;

  // ---- one place at a time ----------------------------------------------------------------

  const pickers = all("select[data-places]");
  const show = (place) => {
    for (const picker of pickers) picker.value = place;
    for (const part of all("[data-place]")) part.hidden = part.dataset.place !== place;
    document.dispatchEvent(new Event("shown"));
  };
  for (const picker of pickers) {
    picker.addEventListener("change", () => {
      const top = picker.getBoundingClientRect().top;
      show(picker.value);
      scrollBy(0, picker.getBoundingClientRect().top - top); // what is read stays where it is
      say(`showing ${picker.selectedOptions[0].textContent}`);
    });
  }
  for (const group of all("main .controls")) group.hidden = false;
  if (pickers.length) show(pickers[0].value);
  for (const box of all("input[data-only-chosen]"))
    box.addEventListener("change", () => {
      for (const part of all(".tables")) part.classList.toggle("only-chosen", box.checked);
    });

  // ---- contents ---------------------------------------------------------------------------

  const links = new Map(all(".contents a").map((link) => [link.hash.slice(1), link]));
  const heads = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const point = () => {
    const passed = heads.filter((head) => head.getBoundingClientRect().top < innerHeight / 3);
    const here = passed.at(-1) ?? heads[0];
    for (const [id, link] of links)
      if (here?.id === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
  };
  if (heads.length) {
    addEventListener("scroll", point, { passive: true });
    point();
    if (innerWidth < 1024) all(".contents details").forEach((part) => { part.open = false; });
  }

  // ---- print: everything is open ----------------------------------------------------------

  addEventListener("beforeprint", () => {
    for (const part of all("details")) part.open = true;
  });
})();
