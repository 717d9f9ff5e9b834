// Links of our own HTML with data-page open in the running session, as loading the app takes a second; else they are plain links.
document.addEventListener("click", event => {
  const link = event.target.closest("a[data-page]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault(), history.pushState({}, "", link.href), dispatchEvent(new PopStateEvent("popstate", { state: {} }));
});
document.addEventListener("animationstart", event => event.animationName === "print-all" && print()); // ui/widgets/printing.py
const findSearch = () => [...document.querySelectorAll('.st-key-search_everything input, [data-testid="stSidebar"] a[href*="search"]')].at(-1); // its field, or the link to its page
document.addEventListener("keydown", event => event.key === "/" && !event.target.closest("input, textarea, canvas") && !document.querySelector('.st-key-till, [data-testid="stDialog"]') && (event.preventDefault(), findSearch()?.click(), findSearch()?.focus())); // at the till it is the donor's
