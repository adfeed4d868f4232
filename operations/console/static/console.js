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

// A part is not replaced while the page is hidden, or while somebody works in it.
function mayReplace(part) {
  const works = part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
  return !document.hidden && !works && !part.querySelector("input:checked") && !document.getSelection().toString();
}

function refresh() {
  const part = document.querySelector("[data-live]");
  if (!part || !mayReplace(part)) return;
  htmx.ajax("GET", part.dataset.live, { source: part, target: part, select: "#live", swap: "outerHTML" });
}

document.addEventListener("DOMContentLoaded", () => {
  showLocalTimes(document);
  setInterval(refresh, EVERY_MILLISECONDS);
  document.addEventListener("visibilitychange", refresh);
  document.querySelectorAll("iframe.mail").forEach(fitFrame);
});
document.addEventListener("htmx:afterSwap", () => showLocalTimes(document));

// A mail is shown at its full height. It can run no script, so the page around it measures it.
function fitFrame(frame) {
  const height = frame.contentDocument?.documentElement?.scrollHeight;
  if (height) frame.height = height + 2;
}
document.addEventListener("load", (event) => event.target.matches?.("iframe.mail") && fitFrame(event.target), true);
