"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const touch = window.matchMedia("(pointer: coarse)").matches;
  const calm = { displayModeBar: false, responsive: true, scrollZoom: false, showTips: false };

  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    const [ink, soft, line, paper] = ["--ink", "--soft", "--line", "--paper"].map((n) => style.getPropertyValue(n).trim());
    const axis = {
      gridcolor: line, linecolor: soft, zerolinecolor: line, tickfont: { color: soft }, exponentformat: "power",
    };
    return {
      layout: {
        font: { color: ink, size: 12, family: style.getPropertyValue("font-family") || "system-ui, sans-serif" },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        hoverlabel: { bgcolor: paper, bordercolor: soft, font: { color: ink }, align: "left" },
        xaxis: axis,
        yaxis: axis,
        margin: { l: 40, r: 18, t: 22, b: 40 },
        dragmode: touch ? false : "zoom",
      },
    };
  };

  const draw = (plot) => {
    const figure = figures[Number(plot.dataset.figure)];
    return Plotly.newPlot(plot, figure.data, { ...figure.layout, autosize: true, template: theme() }, calm);
  };
  const drawn = plots.map(draw);
  Promise.all(drawn).then(() => document.documentElement.setAttribute("data-drawn", String(plots.length)));
  dark.addEventListener("change", () => plots.forEach((plot) => Plotly.relayout(plot, { template: theme() })));
})();
