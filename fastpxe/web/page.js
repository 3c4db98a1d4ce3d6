// The parts of the page come as HTML made by the server, whenever they change.
"use strict";
const state = document.getElementById("state");
const filter = document.getElementById("filter");
const events = new EventSource("events" + location.search);

function tell(text, isLive) {
  state.textContent = text;
  state.className = isLive ? "live" : "";
}

function showOnly() {
  const wanted = filter.value.trim().toLowerCase();
  for (const row of document.querySelectorAll("#booting tbody tr")) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
  }
}

events.onopen = () => tell("live", true);
events.onerror = () => tell("no connection; trying again", false);
events.onmessage = (event) => {
  for (const [id, html] of Object.entries(JSON.parse(event.data))) {
    const place = document.getElementById(id);
    const open = new Set([...place.querySelectorAll("details[open]")].map((one) => one.dataset.key));
    place.innerHTML = html;
    for (const details of place.querySelectorAll("details")) {
      if (open.has(details.dataset.key)) details.open = true;
    }
  }
  showOnly();
};
filter.addEventListener("input", showOnly);
