// Hints from the server that something changed. A page says where it stands with
//   <… data-live="/ws/ui?organization=…&project=…">
// and each hint becomes events on the body, which fragments wait for by themselves:
//   hx-trigger="live:inbox from:body", "live:flag from:body", "live:flag-checkout from:body", "live:request-12 from:body"
// Without a socket nothing is lost: pages show the truth whenever they are loaded.
import { toast, words } from "./toast.js";

const FIRST_MS = 1_000;
const MOST_MS = 60_000;
// The company's sign-in has to be asked again, which loading a page does by itself.
const RENEWAL_DUE = 4423;

const place = document.querySelector("[data-live]")?.dataset.live;
let pause = FIRST_MS;

const showUnread = (count) => {
  for (const badge of document.querySelectorAll("[data-unread]")) {
    badge.textContent = count > 99 ? "99+" : String(count);
    badge.hidden = count === 0;
  }
};

const pass = (topic) => document.body.dispatchEvent(new CustomEvent(`live:${topic}`));

const hear = ({ data }) => {
  const message = JSON.parse(data);
  // Not when it opens: whoever is let out again at once would come back every second.
  if (message.type === "hello") pause = FIRST_MS;
  if (message.unread !== undefined) showUnread(message.unread);
  for (const topic of message.topics ?? []) pass(topic);
};

const open = () => {
  const socket = new WebSocket(new URL(place, location.href.replace(/^http/, "ws")));
  socket.addEventListener("message", hear);
  socket.addEventListener("close", ({ code }) => {
    if (code === RENEWAL_DUE) toast(words("renewalDue"), { detail: words("renewalDueDetail"), tone: "is-warn" });
    // 44xx: signed out or let out. Asking again would change nothing.
    if (code >= 4400 && code < 4500) return;
    setTimeout(open, pause * (0.5 + Math.random() / 2));
    pause = Math.min(pause * 2, MOST_MS);
  });
};

if (place) open();
