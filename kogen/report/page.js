// Draws the figures in the colours of the reader's theme, at the width there is; on paper in light, at paper's width.
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

  const draw = () => {
    const theme = palette[dark.matches && !root.classList.contains("printing") ? "dark" : "light"];
    for (const [id, figure] of Object.entries(figures)) {
      const place = document.getElementById(id);
      if (!place) continue;
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
    draw();
  };
  addEventListener("resize", () => requestAnimationFrame(fit));
  addEventListener("beforeprint", () => paper(true));
  addEventListener("afterprint", () => paper(false));
  dark.addEventListener("change", draw);
  fit();
})();
