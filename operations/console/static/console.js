// What the pages do beyond what they do without it: times in the viewer's own zone, and parts that stay current.
"use strict";

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const RECENT = 48 * 3600;

// Tables say how long ago what is recent was, but for those of charts, whose axes have times; to point at it, or the
// focus in its row, shows the time itself.
function showLocalTimes(root) {
  // The local cloud's clock can be moved.
  const now = new Date(document.getElementById("live")?.dataset.now ?? Date.now());
  for (const time of root.querySelectorAll("time[datetime]:not([data-shown])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.dataset.shown = "";
    const local = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    const exact = [local, span("utc", ` ${time.textContent}`)];
    const seconds = (now - moment) / 1000;
    if (time.closest("td, tbody th:not(.at)") && Math.abs(seconds) < RECENT) {
      const ago = span("ago");
      setAge(ago, seconds);
      time.replaceChildren(ago, span("exact", ...exact));
      // For fingers: the focus shows it where nothing can point. The Tab key need not stop there.
      time.tabIndex = -1;
    } else {
      time.replaceChildren(...exact);
    }
  }
  for (const tick of root.querySelectorAll("[data-tick]")) {
    const weekday = tick.dataset.tick === "weekday" ? "short" : undefined;
    tick.textContent = new Date(tick.dataset.time).toLocaleString(undefined, { weekday, hour: "2-digit", minute: "2-digit" });
  }
  root.querySelectorAll(".zone").forEach((each) => (each.textContent = ZONE));
  root.querySelectorAll("[data-age]").forEach((each) => setAge(each, Number(each.dataset.age)));
  tick();
}

function span(name, ...content) {
  const element = document.createElement("span");
  element.className = name;
  element.append(...content);
  return element;
}

// Filters take times in the zone in which the page shows them; addresses have them in UTC.
const WALL = /^\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?$/;

function toWall(moment) {
  const [date, time] = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000).toISOString().split("T");
  return `${date} ${time.slice(0, time.slice(6, 8) === "00" ? 5 : 8)}`;
}

function showLocalFilters() {
  for (const field of document.querySelectorAll("input[data-time]")) {
    const moment = new Date(field.value);
    if (field.value.endsWith("Z") && !Number.isNaN(moment.getTime())) field.value = toWall(moment);
  }
}

document.addEventListener("formdata", (event) => {
  for (const field of event.target.querySelectorAll("input[data-time]")) {
    const text = field.value.trim();
    const moment = new Date(text.length === 10 ? `${text}T00:00` : text.replace(" ", "T"));
    if (WALL.test(text) && !Number.isNaN(moment.getTime())) event.formData.set(field.name, moment.toISOString());
  }
});

// How old what is shown is: it goes on while nothing new comes.
function setAge(element, seconds) {
  element.dataset.since = Date.now() - seconds * 1000;
}

function tick() {
  for (const element of document.querySelectorAll("[data-since]")) {
    const age = Math.round((Date.now() - element.dataset.since) / 1000);
    const seconds = Math.abs(age);
    const minutes = Math.floor(seconds / 60);
    const length = seconds < 90 ? `${seconds} s` : minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
    const text = age < 0 ? `in ${length}` : `${length} ago`;
    // What is selected stays so.
    if (element.textContent !== text) element.textContent = text;
  }
}

// A part is not replaced while somebody works in it: the focus would be lost, or what is ticked or typed. A form that is
// folded out counts as work. The page says so.
function whyPaused(part) {
  if (part.contains(document.activeElement) && document.activeElement.matches(":focus-visible")) {
    return "the keyboard is in what would be replaced";
  }
  if (part.querySelector("input:checked")) return "something is ticked";
  if (part.querySelector("details[open] form")) return "a form is open";
  if (document.getSelection().toString()) return "text is selected";
  return "";
}

function say(why) {
  const stale = document.getElementById("stale");
  if (why !== (stale.dataset.why ?? "")) stale.textContent = why;
  stale.dataset.why = why;
  stale.hidden = !why;
}

// What is folded out, and how far tables are scrolled, is as before. Parts keep their order.
function replace(part, fresh) {
  const open = [...part.querySelectorAll("details")].map((details) => details.open);
  const left = [...part.querySelectorAll(".scroll")].map((region) => region.scrollLeft);
  part.replaceWith(fresh);
  fresh.querySelectorAll("details").forEach((details, index) => (details.open = Boolean(open[index])));
  fresh.querySelectorAll(".scroll").forEach((region, index) => (region.scrollLeft = left[index] ?? 0));
  showLocalTimes(fresh);
}

let asking = false;
let askedAt = Date.now();

async function refresh() {
  const part = document.querySelector("#live[data-live]");
  if (!part || document.hidden || asking || Date.now() - askedAt < part.dataset.every * 1000) return;
  const paused = whyPaused(part);
  if (paused) return say(`Refreshing is paused, because ${paused}.`);
  asking = true;
  try {
    const headers = { "X-Reading": part.dataset.reading, "X-Requested-With": "XMLHttpRequest" };
    const answer = await fetch(part.dataset.live, { headers, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
      return say("You are no longer signed in: load the page again, and sign in. This is as it was before.");
    }
    if (answer.status === 304) {
      part.querySelectorAll(".fresh [data-age]").forEach((each) => setAge(each, Number(answer.headers.get("Age"))));
      return say("");
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (!answer.ok || !fresh) {
      const said = page.querySelector("[role=alert]")?.textContent ?? `the console answers ${answer.status}`;
      return say(`This is as it was before: ${said}`);
    }
    // Somebody may have begun to work in it meanwhile.
    if (!whyPaused(part)) replace(part, document.adoptNode(fresh));
    document.title = page.title;
    say("");
  } catch {
    say("The console does not answer: this page is as it was before.");
  } finally {
    asking = false;
    askedAt = Date.now();
    tick();
  }
}

document.addEventListener("DOMContentLoaded", () => {
  showLocalTimes(document);
  showLocalFilters();
  setInterval(() => {
    tick();
    refresh();
  }, 1000);
  document.addEventListener("visibilitychange", refresh);
  document.querySelectorAll("iframe.mail").forEach(fitFrame);
});

// A mail is shown at its full height. It can run no script, so the page around it measures it.
function fitFrame(frame) {
  frame.removeAttribute("height");
  const height = frame.contentDocument?.documentElement?.scrollHeight;
  if (height) frame.height = height + 2;
}
document.addEventListener("load", (event) => event.target.matches?.("iframe.mail") && fitFrame(event.target), true);
window.addEventListener("resize", () => document.querySelectorAll("iframe.mail").forEach(fitFrame));
