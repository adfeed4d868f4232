// What the pages do beyond what they do without it: times in the viewer's own zone, and parts that stay current.
"use strict";

const EVERY_MILLISECONDS = 4000;

function showLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-shown])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.dataset.shown = "";
    time.title = time.textContent;
    const local = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    const beside = document.createElement("span");
    beside.className = "utc";
    beside.textContent = ` ${time.textContent}`;
    time.textContent = local;
    time.append(beside);
  }
}

// A part is not replaced while the page is hidden, or while somebody works in it: the focus would be lost, or what is ticked
// or typed. A form that is folded out counts as work.
function mayReplace(part) {
  const works = part.contains(document.activeElement) && document.activeElement.matches(":focus-visible");
  const begun = part.querySelector("input:checked, details[open] form");
  return !document.hidden && !works && !begun && !document.getSelection().toString();
}

// What is folded out, and how far tables are scrolled, before a part is replaced. Its parts keep their order.
let kept = null;

function keep(part) {
  kept = {
    open: [...part.querySelectorAll("details")].map((details) => details.open),
    left: [...part.querySelectorAll(".scroll")].map((region) => region.scrollLeft),
  };
}

function restore(part) {
  if (!kept) return;
  part.querySelectorAll("details").forEach((details, index) => (details.open = Boolean(kept.open[index])));
  part.querySelectorAll(".scroll").forEach((region, index) => (region.scrollLeft = kept.left[index] ?? 0));
  kept = null;
}

function refresh() {
  const part = document.querySelector("#live[data-live]");
  if (!part || !mayReplace(part)) return;
  keep(part);
  htmx.ajax("GET", part.dataset.live, { source: part, target: part, select: "#live", swap: "outerHTML" });
}

// A page that no longer follows says so.
function showStale(isStale) {
  document.getElementById("stale").hidden = !isStale;
}

document.addEventListener("DOMContentLoaded", () => {
  showLocalTimes(document);
  setInterval(refresh, EVERY_MILLISECONDS);
  document.addEventListener("visibilitychange", refresh);
  document.querySelectorAll("iframe.mail").forEach(fitFrame);
});
document.addEventListener("htmx:afterSwap", () => {
  const part = document.getElementById("live");
  restore(part);
  showLocalTimes(part);
  showStale(false);
});
document.addEventListener("htmx:sendError", () => showStale(true));
document.addEventListener("htmx:responseError", () => showStale(true));

// A mail is shown at its full height. It can run no script, so the page around it measures it.
function fitFrame(frame) {
  frame.removeAttribute("height");
  const height = frame.contentDocument?.documentElement?.scrollHeight;
  if (height) frame.height = height + 2;
}
document.addEventListener("load", (event) => event.target.matches?.("iframe.mail") && fitFrame(event.target), true);
window.addEventListener("resize", () => document.querySelectorAll("iframe.mail").forEach(fitFrame));
