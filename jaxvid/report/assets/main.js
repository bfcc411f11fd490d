// The page: its summary, its sections in order, the theme, whether clips move.

function summary() {
  const results = RUN.results;
  const [low, high] = RUN.interval;
  byId("eyebrow").textContent = [results.config, results.dataset, `${results.split} split`].filter(Boolean).join("  ·  ");
  byId("title").textContent = DATA.name;
  byId("lead").replaceChildren(
    make("b", {}, percent(results.accuracy)), ` of ${plural(CLIPS.ids.length, "clip")} in ${plural(CLASSES.length, "class", "classes")} are recognised. `,
    make("span", { class: "quiet" }, `95 % interval over the clips: ${percent(low)} to ${percent(high)}; one run${DATA.seed === null ? "" : `, seed ${DATA.seed}`}.`));
  const entries = [
    ["Top-5", RUN.top5 === null ? null : percent(RUN.top5)],
    ["Macro precision", percent(results.precision)],
    ["Macro recall", percent(results.recall)],
    ["Macro F1", percent(results.f1)],
    ["Macro AUC", typeof results.auc === "number" ? results.auc.toFixed(4) : "–"],
    ["Parameters", millions(results.parameters)],
    ["without classifier", millions(results.parameters_without_classifier)],
    ["FLOPs a clip", "flops_per_clip" in results ? flops(results.flops_per_clip) : null],
    ["Time a clip", seconds(results.seconds_per_clip)],
    ["Step", typeof results.step === "number" && results.step ? whole(results.step) : null],
  ];
  byId("headline").append(...entries.filter(([, value]) => value !== null).map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  byId("lacks").append(...Object.values(DATA.lacks).map((reason) => make("li", {}, reason)));
  byId("foot").textContent = `jaxvid ${DATA.version}. Evaluation in ${DATA.folder}.`;
}

function mistakes() {
  const wrong = CLIPS.order.filter((i) => CLIPS.labels[i] !== CLIPS.predicted[i]);
  const few = 12;
  if (wrong.length) {
    open("mistakes", "Surest mistakes", `${plural(wrong.length, "clip")} of ${whole(CLIPS.ids.length)} taken for another class, those with the highest score first.`,
      CLIPS.attention ? " Bars: how much each step weighs." : "").append(...cards(wrong, few));
  } else {
    open("mistakes", "Least sure", "No clip was taken for another class. These were recognised with the lowest scores.")
      .append(...cards([...CLIPS.order].reverse().slice(0, few), few));
  }
}

function theme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = byId("theme");
  let chosen = null;
  try { chosen = localStorage.getItem("jaxvid-theme"); } catch { /* a file may have no storage */ }
  const show = () => {
    const now = chosen || (dark.matches ? "dark" : "light");
    root.dataset.theme = now;
    button.textContent = now === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `${button.textContent} theme`);
    themed.forEach((redraw) => redraw());
  };
  button.addEventListener("click", () => {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("jaxvid-theme", chosen); } catch { /* see above */ }
    show();
  });
  dark.addEventListener("change", show);
  show();
}

function motion() {
  const button = byId("motion");
  let still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const show = () => {
    document.documentElement.classList.toggle("still", still);
    button.textContent = still ? "Play clips" : "Pause clips";
    button.setAttribute("aria-pressed", String(still));
  };
  button.addEventListener("click", () => { still = !still; show(); });
  show();
  button.hidden = !PICTURES.some((picture) => picture && picture[1] > 1);
}

summary();
comparison();
curves();
mistakes();
matrix();
classes();
embedding();
rocs();
config();
theme();
motion();

const links = new Map([...byId("nav").children].map((link) => [link.hash.slice(1), link]));
const here = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) links.get(target.id)?.classList.toggle("here", isIntersecting);
}, { rootMargin: "-45% 0px -50% 0px" });
for (const id of links.keys()) here.observe(byId(id));
