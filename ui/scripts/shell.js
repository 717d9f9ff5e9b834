// The frame around Streamlit's pages: first picture, menu on phones, signs of work, lost connection, ended session.
// It runs before Streamlit's script (ui/runtime/index_html.py), and finds Streamlit's elements by their test ids.

// Known here, Streamlit need not look for its server below the address of the page, which gives 404s. No site may send
// messages to the page, and its sentence about a lost connection stays away for ours.
window.__streamlit = {
  BACKEND_BASE_URL: location.origin,
  MAIN_PAGE_BASE_URL: location.origin,
  HOST_CONFIG: { allowedOrigins: [], useExternalAuthToken: false, enableCustomParentMessages: false, blockErrorDialogs: true },
};

const PHONE = matchMedia("(max-width: 767.98px)");
const MAX_SKELETON_MS = 15_000;
const OFFLINE_AFTER_MS = 800;
const ANSWERED_AFTER_MS = 150;
const NEVER_ONLINE_AFTER_MS = 10_000;

const find = selector => document.querySelector(selector);
const isRunning = app => app.dataset.testScriptState !== "notRunning";

// --- First picture ---------------------------------------------------------------------------------------------------

const FIGURES = '[data-testid="stMain"] :is(.tile, .row:not(.titles), .figures)';
const BLOCK = '[data-testid="stMainBlockContainer"] > div > *';

/**
 * Show the page once its parts are loaded, and its first run has ended or is below the first figures, so that what follows
 * moves nothing. Charts have their place and may come later.
 */
function showWhenDrawn(app) {
  const root = document.documentElement;
  if (root.classList.contains("drawn") || (isRunning(app) && !find(FIGURES)?.closest(BLOCK)?.nextElementSibling)) return;
  const hasContent = find('[data-testid="stMain"] :is(h1, [data-testid="stAlert"])') || find("[data-signed-out]");
  const missing = [...document.querySelectorAll('[data-testid="stSkeleton"]')];
  if (hasContent && missing.every(part => part.closest(".stPrintGraphic"))) root.classList.add("drawn");
}

setTimeout(() => document.documentElement.classList.add("drawn"), MAX_SKELETON_MS);

// --- Menu on phones --------------------------------------------------------------------------------------------------

// Streamlit remembers an open menu, which covers the page on a phone.
for (const key of PHONE.matches ? Object.keys(localStorage) : [])
  if (key.startsWith("stSidebarCollapsed-")) localStorage.removeItem(key);

function moveMenu(target) {
  if (!PHONE.matches) return;
  if (target.closest('[data-testid="stSidebar"] a')) find('[data-testid="stSidebarCollapseButton"] button')?.click();
  if (target.closest('[data-shell="more"]')) find('[data-testid="stExpandSidebarButton"]')?.click();
}

// --- Signs of work ---------------------------------------------------------------------------------------------------

const WORKING = `:is([data-testid="stButton"], [data-testid="stFormSubmitButton"]) button, [data-testid="stPageLink"] a`;
let answeredTimer = 0;

/** Mark what was clicked: Streamlit says that it works only once the server has answered. */
function markWorking(target) {
  const clicked = target.closest(WORKING);
  if (!clicked) return;
  clearTimeout(answeredTimer); // what came before the click does not answer it
  document.documentElement.classList.add("waiting");
  clicked.setAttribute("aria-busy", "true");
  delete find("#signed-out").dataset.dismissed; // the next refusal is news
}

function unmarkWorking() {
  const app = find('[data-testid="stApp"]');
  if (app && isRunning(app)) return;
  document.documentElement.classList.remove("waiting");
  for (const each of document.querySelectorAll("[aria-busy]:is(a, button)")) each.removeAttribute("aria-busy");
}

// A run of a few milliseconds never shows as running, so what the server sends ends the mark as well.
window.WebSocket = class extends WebSocket {
  constructor(address, ...protocols) {
    super(`${address}?tab=${(sessionStorage.tab ??= Math.random().toString(36).slice(2))}`, ...protocols); // whose order of the box office it is
    this.addEventListener("message", () => {
      clearTimeout(answeredTimer);
      answeredTimer = setTimeout(unmarkWorking, ANSWERED_AFTER_MS);
    });
  }
};

// --- Lost connection, ended session ----------------------------------------------------------------------------------

let connection = "", wasOnline = false, offlineTimer = 0;

function noteConnection(app) {
  const state = app.dataset.testConnectionState;
  if (state === connection) return;
  connection = state;
  clearTimeout(offlineTimer);
  const box = find("#offline");
  if (state === "CONNECTED") {
    wasOnline = true;
    box.hidePopover();
  } else {
    offlineTimer = setTimeout(() => sayOffline(box), wasOnline ? OFFLINE_AFTER_MS : NEVER_ONLINE_AFTER_MS);
  }
}

function sayOffline(box) {
  box.querySelector("button").hidden = connection !== "DISCONNECTED_FOREVER";
  box.showPopover(); // above dialogs, whatever their z-index
  checkSession();
}

/** A server that answers, but not to us, has ended the session. */
async function checkSession() {
  const answer = await fetch("/_stcore/health").catch(() => null);
  if (answer?.status === 401) showSignedOut();
}

function showSignedOut() {
  const dialog = find("#signed-out");
  if (dialog.open || dialog.dataset.dismissed) return;
  dialog.querySelector("a").href = `/session/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
  dialog.showModal();
}

// --- Events ----------------------------------------------------------------------------------------------------------

function update(changes) {
  const app = find('[data-testid="stApp"]');
  if (!app) return;
  showWhenDrawn(app);
  if (changes.some(each => each.attributeName === "data-test-script-state")) unmarkWorking();
  noteConnection(app);
  if (find("[data-signed-out]")) showSignedOut();
  for (const field of document.querySelectorAll(".st-key-search_everything input:not([data-met])")) field.dataset.met = "", field.focus();
  // Streamlit names a field by its label as ui/text.py escaped it for Markdown.
  for (const each of document.querySelectorAll('[aria-label*="&#"]')) each.ariaLabel = each.ariaLabel.replace(/:color\[(.)\]/g, "$1").replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(code));
}

document.addEventListener("click", event => {
  moveMenu(event.target);
  markWorking(event.target);
  if (event.target.closest("#offline button")) location.reload();
});
find("#signed-out").addEventListener("close", event => { event.target.dataset.dismissed = "yes"; });
new MutationObserver(update).observe(find("#root"), {
  subtree: true,
  childList: true,
  attributeFilter: ["data-test-script-state", "data-test-connection-state"],
});
