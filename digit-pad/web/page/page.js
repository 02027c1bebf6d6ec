// Starts the program on the canvas, and repeats its texts and controls for keyboards and screen readers.
import { build } from "./build.js";

const element = (id) => document.getElementById(id);
const main = document.querySelector("main");
const canvas = element("pad");
const controls = element("controls");
const field = element("field");
// A reading changes many times in a stroke: it is announced when it rests.
const REST = 400;

function notice(text, isAside = false) {
  const target = element("notice");
  target.className = isAside ? "aside" : "";
  target.textContent = text;
}

function fail(text) {
  main.setAttribute("aria-busy", "false");
  controls.replaceChildren();
  notice(text);
}

/** Shows a text in a live region once it has not changed for a while. */
function announcer(region) {
  let timer;
  let latest = "";
  return (text) => {
    if (text === latest) return;
    latest = text;
    clearTimeout(timer);
    timer = setTimeout(() => (region.textContent = text), REST);
  };
}

function place(button, control) {
  button.textContent = control.label;
  button.disabled = !control.enabled;
  if (control.key) button.setAttribute("aria-keyshortcuts", control.key);
  for (const [property, length] of [["left", control.x], ["top", control.y], ["width", control.width], ["height", control.height]]) {
    button.style[property] = `${length}px`;
  }
}

/** Makes the buttons those of the program, in its order, and keeps those that stay, with the focus. */
function showControls(pad) {
  const old = new Map([...controls.children].map((button) => [button.dataset.id, button]));
  const buttons = JSON.parse(pad.controls()).map((control) => {
    let button = old.get(control.id);
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      button.dataset.id = control.id;
      button.addEventListener("click", () => pad.press(control.id));
    }
    place(button, control);
    return button;
  });
  if (buttons.length === controls.children.length && buttons.every((button, at) => button === controls.children[at])) return;
  const focused = document.activeElement;
  const hadFocus = controls.contains(focused);
  controls.replaceChildren(...buttons);
  if (hadFocus) (controls.contains(focused) ? focused : canvas).focus();
}

/** A text field over the one that the canvas shows: a phone's keyboard needs one, and so does writing that is composed. */
function showField(pad) {
  const place = JSON.parse(pad.field());
  if (field.hidden === !place) return;
  field.hidden = !place;
  if (!place) return canvas.focus();
  field.value = place.text;
  for (const [property, length] of Object.entries({ left: place.x, top: place.y, width: place.width, height: place.height })) {
    field.style[property] = `${length}px`;
  }
  field.oninput = () => pad.setField(field.value);
  field.focus();
}

function keepsNothing() {
  try {
    localStorage.setItem("probe", "");
    localStorage.removeItem("probe");
    return false;
  } catch {
    return true;
  }
}

async function start() {
  const name = build();
  if (!name) return fail("This browser has no WebAssembly, which the pad is made of. Every browser since 2017 has it.");
  // Both files at once: the second is compiled while it comes.
  const program = fetch(`./${name}/digit_pad_web_bg.wasm`);
  const { default: init, Pad } = await import(`./${name}/digit_pad_web.js`);
  await init({ module_or_path: program });
  const pad = new Pad(canvas, () => new Worker(`worker.js?${name}`, { type: "module" }));
  const answer = announcer(element("answer"));
  const status = announcer(element("status"));
  const show = () => {
    answer(pad.answer());
    status(pad.status());
    showControls(pad);
    showField(pad);
  };
  pad.onChange(show);
  show();
  main.setAttribute("aria-busy", "false");
  notice(keepsNothing() ? "This browser keeps nothing for this page: examples and settings last until it is closed." : "", true);
  // What works without a network is worth having, and never needed.
  navigator.serviceWorker?.register(`service-worker.js?${name}`).catch(() => {});
}

addEventListener("pad-failure", (event) => fail(`The pad has stopped: ${event.detail} Reload the page to go on.`));
start().catch((error) => fail(`The pad cannot start: ${error.message ?? error}`));
