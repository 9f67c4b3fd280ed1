// Draws the table beside it as lines over days (components/chart.html). The library is fetched on first need.
const DASHES = { control: [], a: [], b: [6, 3], c: [2, 3], d: [8, 3, 2, 3], e: [4, 4] };
const drawn = new Map();
let library = null;

const load = (figure) => {
  library ??= new Promise((resolve, reject) => {
    const { chartLibrary, chartStyles } = figure.dataset;
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: chartStyles }));
    const script = Object.assign(document.createElement("script"), { src: chartLibrary });
    script.addEventListener("load", () => resolve(globalThis.uPlot));
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return library;
};

// A canvas needs plain colors; ours are pairs that only the browser can resolve.
const color = (name) => {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color: answer } = getComputedStyle(probe);
  probe.remove();
  return answer;
};

const read = (table) => {
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const rows = [...table.tBodies[0].rows];
  const day = (cell) => Date.parse(`${cell.dataset.value}T00:00:00Z`) / 1000;
  const number = (cell) => (cell.dataset.value === "" || cell.dataset.value === "None" ? null : Number(cell.dataset.value));
  return {
    day: table.tHead.rows[0].cells[0].textContent,
    series: heads.map((head) => ({ name: head.textContent.trim(), key: head.dataset.series })),
    data: [rows.map((row) => day(row.cells[0])), ...heads.map((_, i) => rows.map((row) => number(row.cells[i + 1])))],
  };
};

const options = ({ day, series }, width) => {
  const axis = {
    stroke: color("muted"),
    font: '12px "Inter Variable", system-ui, sans-serif',
    grid: { stroke: color("line"), width: 1 },
    ticks: { stroke: color("line"), width: 1 },
  };
  const numbers = new Intl.NumberFormat(document.documentElement.lang);
  const days = new Intl.DateTimeFormat(document.documentElement.lang, { month: "short", day: "numeric", timeZone: "UTC" });
  return {
    width,
    height: 260,
    tzDate: (stamp) => globalThis.uPlot.tzDate(new Date(stamp * 1000), "Etc/UTC"),
    cursor: { points: { size: 7 } },
    axes: [
      { ...axis, space: 72, incrs: [1, 2, 3, 7, 14, 28, 56].map((n) => n * 86400), values: (_, ticks) => ticks.map((tick) => days.format(tick * 1000)) },
      { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => numbers.format(tick)) },
    ],
    series: [
      { label: day, value: (_, stamp) => (stamp === null ? "–" : days.format(stamp * 1000)) },
      ...series.map(({ name, key }) => ({
        label: name,
        stroke: color(`series-${key}`),
        width: 2,
        dash: DASHES[key],
        points: { show: false },
        value: (_, value) => (value === null ? "–" : numbers.format(value)),
      })),
    ],
  };
};

const paint = (figure) => {
  const canvas = figure.querySelector("[data-chart-canvas]");
  const content = read(document.getElementById(figure.dataset.chart));
  drawn.get(figure)?.destroy();
  canvas.hidden = false;
  const chart = new globalThis.uPlot(options(content, canvas.clientWidth), content.data, canvas);
  drawn.set(figure, chart);
};

const widths = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const chart = drawn.get(target.closest("[data-chart]"));
    if (chart && contentRect.width && Math.round(contentRect.width) !== chart.width)
      chart.setSize({ width: Math.round(contentRect.width), height: 260 });
  }
});

export async function draw(root) {
  for (const figure of root.querySelectorAll("[data-chart]")) {
    if (drawn.has(figure)) continue;
    await load(figure);
    await document.fonts.ready;
    paint(figure);
    widths.observe(figure.querySelector("[data-chart-canvas]"));
  }
}

document.addEventListener("wayfork:theme", () => {
  for (const figure of [...drawn.keys()])
    if (figure.isConnected) paint(figure);
    else drawn.delete(figure);
});
