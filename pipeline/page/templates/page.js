"use strict";
// What the page does: sorting, filtering, live charts, selecting runs, and the choice of colors.
// Nothing is stored or fetched.
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  root.classList.add("js");

  // --- colors --------------------------------------------------------------------------------
  all(".theme").forEach((group) => {
    group.hidden = false;
    group.addEventListener("click", (event) => {
      const chosen = event.target.closest("[data-theme-choice]");
      if (!chosen) return;
      const choice = chosen.dataset.themeChoice;
      if (choice === "auto") delete root.dataset.theme;
      else root.dataset.theme = choice;
      all("[data-theme-choice]", group).forEach((button) =>
        button.setAttribute("aria-pressed", String(button === chosen)));
    });
  });

  // --- sorting -------------------------------------------------------------------------------
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.value;
    if (value === undefined) return cell.textContent.trim();
    return value === "" || value === "nan" ? null : Number(value);
  };
  const order = (a, b) => {
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
    return typeof a === "number" && typeof b === "number" ? a - b : compare(a, b);
  };
  all("table.sortable").forEach((table) => {
    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest(".sort");
      if (!button) return;
      const head = button.closest("th");
      const before = head.getAttribute("aria-sort");
      const first = button.dataset.first || "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const direction = before === first ? other : first;
      all("th[aria-sort]", table.tHead).forEach((th) => th.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction);
      const sign = direction === "ascending" ? 1 : -1;
      const body = table.tBodies[0];
      const keyed = [...body.rows].map((row) => [key(row, head.cellIndex), row]);
      keyed.sort(([a], [b]) => (a === null || b === null ? order(a, b) : sign * order(a, b)));
      body.append(...keyed.map(([, row]) => row));
    });
  });

  // --- filtering -----------------------------------------------------------------------------
  all("[data-filter]").forEach((controls) => {
    const rows = [...document.getElementById(controls.dataset.filter).tBodies[0].rows];
    const boxes = all("input", controls);
    const status = controls.querySelector(".status");
    const apply = () => {
      const shown = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
      rows.forEach((row) => { row.hidden = boxes.length > 0 && !shown.has(row.dataset.family); });
      const left = rows.filter((row) => !row.hidden).length;
      status.textContent = `${left} of ${rows.length} run${rows.length === 1 ? "" : "s"}`;
    };
    controls.hidden = false;
    controls.addEventListener("change", apply);
    apply();
  });

  // --- selecting runs ------------------------------------------------------------------------
  const picked = new Set();
  const views = new Map();
  const show = () => {
    const names = [...picked];
    all("[data-pick]").forEach((button) =>
      button.setAttribute("aria-pressed", String(picked.has(button.dataset.pick))));
    all("[data-pick-all]").forEach((button) => { button.hidden = names.length === 0; });
    all("tr[data-run]").forEach((row) => row.classList.toggle("picked", picked.has(row.dataset.run)));
    views.forEach((view) => view.signal("picked", names).runAsync());
  };
  const pick = (run, more) => {
    const only = picked.size === 1 && picked.has(run);
    if (more) picked.has(run) ? picked.delete(run) : picked.add(run);
    else { picked.clear(); if (!only) picked.add(run); }
    show();
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-pick], [data-pick-all]");
    if (!button) return;
    if ("pickAll" in button.dataset) { picked.clear(); show(); }
    else pick(button.dataset.pick, event.shiftKey || event.ctrlKey || event.metaKey);
  });

  // --- live charts ---------------------------------------------------------------------------
  // A chart is drawn from the start; once it comes into view, an interactive one replaces it.
  const tooltip = { disableDefaultStyle: true, maxDepth: 1 };
  const widths = new Map();
  const enliven = async (place) => {
    const name = place.dataset.chart;
    const spec = JSON.parse(document.querySelector(`[data-spec="${CSS.escape(name)}"]`).textContent);
    const width = Math.floor(place.clientWidth);
    if (width === 0) return;
    widths.set(place, width);
    if (place.classList.contains("fluid")) spec.width = width;
    const host = document.createElement("div");
    host.className = "live-chart";
    const { view } = await vegaEmbed(host, spec, {
      // Expressions are interpreted, because the page's policy forbids compiling text to code.
      mode: "vega-lite", renderer: "svg", actions: false, defaultStyle: false, tooltip, ast: true,
    });
    if (widths.get(place) !== width) { view.finalize(); return; }
    if (views.has(place)) views.get(place).finalize();
    all("svg", host).forEach((svg) => svg.setAttribute("aria-hidden", "true"));
    view.addEventListener("click", (event, item) => {
      const run = item && item.datum && item.datum.run;
      if (run) pick(run, event.shiftKey || event.ctrlKey || event.metaKey);
    });
    views.set(place, view);
    place.replaceChildren(host);
    place.dataset.live = "";
    if (picked.size) view.signal("picked", [...picked]).runAsync();
  };
  const places = all("[data-chart]");
  if ("IntersectionObserver" in window && typeof vegaEmbed === "function") {
    const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
      if (!entry.isIntersecting) return;
      seen.unobserve(entry.target);
      enliven(entry.target);
    }), { rootMargin: "200px" });
    places.forEach((place) => seen.observe(place));
    let waiting = 0;
    addEventListener("resize", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => places.forEach((place) => {
        const fluid = place.classList.contains("fluid") && views.has(place);
        if (fluid && Math.floor(place.clientWidth) !== widths.get(place)) enliven(place);
      }), 150);
    });
  }

  // --- print: everything is open ----------------------------------------------------------------
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    closed.forEach((each) => { each.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((each) => { each.open = false; }));
})();
