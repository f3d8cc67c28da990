// Draws the figures in the colours of the reader's theme, at the width there is; on paper in light, at paper's width. Sorts tables by the head that is clicked, shows what a section's menus pick.
(() => {
  const { figures, palette } = JSON.parse(document.getElementById("payload").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const font = getComputedStyle(document.body).fontFamily;

  const coloured = (value, theme) => {
    if (typeof value === "string") return value[0] === "\u0001" ? theme[value.slice(1)] : value;
    if (Array.isArray(value)) return value.map((item) => coloured(item, theme));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, theme)]));
  };

  const draw = (part = document) => {
    const theme = palette[dark.matches && !root.classList.contains("printing") ? "dark" : "light"];
    for (const place of part.querySelectorAll(".plot")) {
      const figure = figures[place.dataset.shown ?? place.id];
      if (!figure || place.closest("[hidden], details:not([open])") || !place.clientWidth) continue;
      const layout = coloured(figure.layout, theme);
      layout.font.family = font;
      layout.width = place.clientWidth;
      Plotly.react(place, coloured(figure.data, theme), layout, { displayModeBar: false, doubleClick: false });
    }
  };

  let width = 0;
  const fit = () => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    draw();
  };
  const paper = (on) => {
    root.classList.toggle("printing", on);
    for (const part of document.querySelectorAll("details[data-print]")) part.open = on;
    draw();
  };
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const sort = (table, column) => {
    const head = table.tHead.rows[0].cells[column];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const order = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
    const rows = [...table.tBodies[0].rows].sort((a, b) => order(value(a, column), value(b, column)) * (down ? -1 : 1));
    table.tBodies[0].append(...rows);
  };
  for (const table of document.querySelectorAll("table.sortable"))
    [...table.tHead.rows[0].cells].forEach((head, column) => head.addEventListener("click", () => sort(table, column)));

  // A menu "variant" shows other figures (id-1, id-2 ...; 0 is the first) in its section, a menu "model" one model's.
  const pick = (section) => {
    const menus = Object.fromEntries([...section.querySelectorAll("select")].map((menu) => [menu.name, menu.value]));
    for (const cell of section.querySelectorAll(".cell")) {
      cell.hidden = Boolean(menus.model) && cell.dataset.model !== menus.model;
      const place = cell.querySelector(".plot");
      const id = Number(menus.variant) ? `${place.id}-${menus.variant}` : place.id;
      if (!figures[id]) continue;
      place.dataset.shown = id;
      place.setAttribute("aria-label", figures[id].alt);
    }
    draw(section);
  };
  for (const menu of document.querySelectorAll(".menus select"))
    menu.addEventListener("change", () => pick(menu.closest("section")));

  for (const folded of document.querySelectorAll("details"))
    folded.addEventListener("toggle", () => folded.open && draw(folded));
  addEventListener("resize", () => requestAnimationFrame(fit));
  addEventListener("beforeprint", () => paper(true));
  addEventListener("afterprint", () => paper(false));
  dark.addEventListener("change", () => draw());
  fit();
})();
