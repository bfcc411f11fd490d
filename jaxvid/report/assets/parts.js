// What all parts of the page share: data, elements, numbers, colours.

const DATA = JSON.parse(document.getElementById("data").textContent);
const CLASSES = DATA.classes;
const CLIPS = DATA.clips;
const RUN = DATA.runs[0];

const byId = (id) => document.getElementById(id);

// Makes an element. Children are elements or texts; a text is never read as HTML.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  set(element, attributes);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function draw(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(element, attributes);
  element.append(...children.flat());
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
}

// Shows a section with its heading and a note, and returns it.
function open(id, title, ...note) {
  const section = byId(id);
  section.hidden = false;
  section.setAttribute("aria-labelledby", `${id}-title`);
  section.append(make("h2", { id: `${id}-title` }, title));
  if (note.length) section.append(make("p", { class: "note" }, ...note));
  byId("nav").append(make("a", { href: `#${id}` }, title));
  return section;
}

const percent = (share, digits = 1) =>
  share === null || share === undefined ? "–" : `${(share * 100).toFixed(digits)} %`;
const whole = (number) => Math.round(number).toLocaleString("en-US").replaceAll(",", " ");
const plural = (count, one, many) => `${whole(count)} ${count === 1 ? one : many || one + "s"}`;

function seconds(value) {
  if (typeof value !== "number") return "–";
  if (value < 1) return `${(value * 1000).toPrecision(3)} ms`;
  return `${value.toPrecision(3)} s`;
}

function millions(value) {
  if (typeof value !== "number") return "–";
  return value < 1e5 ? whole(value) : `${(value / 1e6).toFixed(2)} M`;
}

function flops(value) {
  if (typeof value !== "number") return "–";
  return `${Number((value / 1e9).toPrecision(3))} G`;
}

const PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc3d2e", "#8c6bb1", "#56b4e9", "#a6761d", "#d55e9f", "#7a8f3c", "#7d8591"];

// A colour for each of `count` things that two themes can show.
function colour(index, count) {
  if (count <= PALETTE.length) return PALETTE[index];
  return `hsl(${((index * 137.5) % 360).toFixed(0)} ${[70, 50][index % 2]}% ${[46, 58, 38][index % 3]}%)`;
}

const runColour = (index) => PALETTE[index % PALETTE.length];
const themed = []; // what draws on a canvas draws anew when the theme changes

// The name of a class's clips taken for another's, for headings and labels.
const cellName = (truth, said) =>
  truth === said ? `${CLASSES[truth]}, recognised` : `${CLASSES[truth]}, taken for ${CLASSES[said]}`;

// Arrow keys among elements of which one can be reached by Tab.
function rove(elements, step) {
  elements.forEach((element, index) => { element.tabIndex = index ? -1 : 0; });
  const focus = (from, to) => {
    if (!to) return;
    from.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  };
  for (const element of elements) {
    element.addEventListener("keydown", (event) => {
      const to = step(element, event.key);
      if (to === undefined) return;
      event.preventDefault();
      focus(element, to);
    });
    element.addEventListener("focus", () => {
      const before = elements.find((other) => other.tabIndex === 0 && other !== element);
      if (before) before.tabIndex = -1;
      element.tabIndex = 0;
    });
  }
}
