// The parts of the page come as HTML made by the server, whenever they change.
"use strict";
const state = document.getElementById("state");
const events = new EventSource("events" + location.search);
events.onopen = () => { state.textContent = "live"; };
events.onerror = () => { state.textContent = "no connection; trying again"; };
events.onmessage = (event) => {
  for (const [id, html] of Object.entries(JSON.parse(event.data))) {
    const place = document.getElementById(id);
    const open = new Set([...place.querySelectorAll("details[open] summary")].map((one) => one.textContent));
    place.innerHTML = html;
    for (const summary of place.querySelectorAll("summary")) {
      if (open.has(summary.textContent)) summary.parentElement.open = true;
    }
  }
};
