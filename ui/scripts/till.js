// The till of the box office: packages and quantities of the order, live stock, donors by a prefix, keys, copy and print.
// The order is kept here and sent as a whole with a number, so no late answer undoes a tap (docs/decisions/0034). Python
// draws the HTML of tiles and lines (ui/till/parts.py); the rest is marked by keys of containers: sale_FIELD, receipt.
(() => {
  const POLL_MS = 2000, PAUSE_MS = 500, SEARCH_MS = 120, LEAVE_MS = 100, LOST_MS = 2500, MIN_PREFIX = 3, MAX_QUANTITY = 10_000, LOW_STOCK = 10;
  const TEXT = 'input, textarea, select, [contenteditable="true"]', DIALOG = '[role="dialog"], dialog[open]';
  const find = (selector, root = document) => root.querySelector(selector);
  const findIn = (key, selector) => find(`[class*="st-key-${key}"] ${selector}`);
  const findField = name => findIn(`sale_${name}_`, "input");
  const stop = event => { event.preventDefault(); event.stopImmediatePropagation(); };
  const setHtml = (box, html) => { if (box.drawn !== html) box.innerHTML = box.drawn = html; };
  const lines = new Map(), parts = new Map(); // quantity by package id; what draws a part by its root
  let order, number = 0, left = {}, tiles, seen, pressed = {}, pause, searchTimer, emptyPrefix, halfTypedCode, leftAt = 0;
  /** Draw a part of the page, now and after each change. Called again with each answer of the server. */
  window.ticketdeskTill = (name, { data, parentElement: root, setStateValue: send }) => {
    if (name === "tiles") takeOver(root, data, send);
    parts.set(root, () => ({ tiles: drawTiles, line: drawLine, receipt: drawReceipt })[name](root, data));
    draw();
    return () => parts.delete(root);
  };
  const draw = () => parts.forEach((drawPart, root) => root.isConnected && drawPart());
  const sendOrder = () => tiles.send("order", { order, number, lines: [...lines] });
  /** Begin the order that the server sent, or keep ours where it is newer. */
  function takeOver(root, data, send) {
    const isBehind = tiles?.root !== root || data.number < tiles.data.number; // a restarted server knows what was stored
    [tiles, left, sessionStorage.tab] = [{ root, data, send }, data.left, data.tab || sessionStorage.tab]; // a copied tab is told its own
    if (order !== data.order) {
      [order, number] = [data.order, data.number];
      lines.clear();
      for (const line of data.lines) lines.set(...line);
    } else if (isBehind && number > data.number) sendOrder();
  }
  function setQuantity(id, quantity) {
    quantity > 0 ? lines.set(id, Math.min(quantity, MAX_QUANTITY)) : lines.delete(id);
    (number += 1), (pressed = {}), draw(), sendOrder();
  }
  function drawTiles(root, data) {
    const search = find('[type="search"]', root), wanted = search.value.trim().toLowerCase();
    let key = 0;
    setHtml(find(".tiles", root), data.html);
    for (const tile of root.querySelectorAll(".tiles button")) {
      const { id, name } = tile.dataset, rest = left[id], isShown = name.toLowerCase().includes(wanted);
      tile.parentElement.hidden = !isShown;
      tile.dataset.key = find("kbd", tile).textContent = "canHaveKey" in tile.dataset && isShown && key < 9 ? ++key : "";
      tile.ariaDisabled = String(rest === 0);
      find(".count", tile).textContent = lines.get(id) ?? "";
      find(".left", tile).textContent = rest === 0 ? "Sold out" : rest ? `${rest.toLocaleString("en-US")} left` : "";
      find(".left", tile).classList.toggle("low", rest > 0 && rest <= LOW_STOCK);
    }
    find(".tiles", root).onclick = ({ target }) => add(target.closest("button"));
    Object.assign(search, { oninput: draw, onkeydown: event => event.key === "Enter" && add(find('li:not([hidden]) > [aria-disabled="false"]', root)) });
  }
  function add(tile) {
    if (!tile) return;
    const { id, name } = tile.dataset, isSoldOut = tile.ariaDisabled === "true";
    if (!isSoldOut) setQuantity(id, (lines.get(id) ?? 0) + 1);
    find("[role=status]", tiles.root).textContent = isSoldOut ? `${name} is sold out.` : `${lines.get(id)} × ${name}`;
  }
  function drawLine(root, data) {
    setHtml(find(".till-line", root), data.html);
    const quantity = lines.get(data.id), rest = left[data.id], field = find("input", root), isTyped = field === document.activeElement;
    const shortage = rest === 0 ? "Sold out" : rest && rest < quantity ? `Only ${rest.toLocaleString("en-US")} left` : "";
    find(".till-line", root).hidden = !quantity;
    if (Number(field.value) !== quantity && (field.value || !isTyped)) field.value = quantity ?? "";
    find(".less", root).disabled = quantity === 1;
    find(".short", root).textContent = data.problem || shortage;
    Object.assign(field, { onblur: draw, oninput: () => field.value > 0 && setQuantity(data.id, Math.floor(field.value)) });
    root.onclick = ({ target: { classList } }) => {
      const step = classList.contains("more") - classList.contains("less");
      if (step || classList.contains("remove")) setQuantity(data.id, step && lines.get(data.id) + step);
    };
  }
  /** Ask for the stock, which the server answers from memory; a change runs the page, except behind a dialog. */
  async function poll() {
    if (!tiles?.root.isConnected || document.hidden) return;
    const answer = await fetch(`/till/stock/${tiles.data.event}`).catch(() => null), stock = answer?.ok && (await answer.json());
    if (!stock || !tiles.root.isConnected) return;
    left = stock.left, draw();
    const record = findIn("sale_record_", "button:enabled"), isIdle = find('[data-testid="stApp"]').dataset.testScriptState === "notRunning";
    if (isIdle && Date.now() - pressed.at > LOST_MS && pressed.answered === tiles.data.answered && record?.textContent === pressed.label) (record.ariaBusy = null), record.click(); // Streamlit loses a click now and then; the order is recorded once
    if (stock.state !== tiles.data.state && stock.state !== seen && !find(DIALOG)) tiles.send("seen", (seen = stock.state));
  }
  async function searchDonors(field) {
    const prefix = field.value.trim(), body = JSON.stringify({ prefix }), headers = { "Content-Type": "application/json" };
    if (prefix.length < MIN_PREFIX || (emptyPrefix && prefix.startsWith(emptyPrefix))) return showDonors([]);
    const answer = await fetch(`/till/donors/${tiles.data.event}`, { method: "POST", headers, body }).catch(() => null);
    if (!answer?.ok || field !== document.activeElement || field.value.trim() !== prefix) return;
    const { donors } = await answer.json();
    emptyPrefix = donors.length ? "" : prefix;
    showDonors(donors, field);
  }
  function showDonors(donors, field) {
    const box = find(".donors"), bottom = field?.getBoundingClientRect().bottom ?? 0;
    box.replaceChildren(...donors.map(createDonor)), (box.hidden = !donors.length);
    box.style.top = `${bottom - box.parentElement.getBoundingClientRect().top + 8}px`;
    find("[role=status]", tiles.root).textContent = donors.length ? `${donors.length} known donors. Enter takes the first.` : "";
  }
  function createDonor(donor) {
    const row = Object.assign(document.createElement("button"), { type: "button", onclick: () => chooseDonor(donor) });
    const last = donor.last_purchase_at, day = last ? new Date(last).toLocaleDateString(undefined, { dateStyle: "medium" }) : "";
    for (const textContent of [donor.name, day, donor.email, donor.is_of_event ? "" : "another event"]) row.append(Object.assign(document.createElement("span"), { textContent, dir: "auto" }));
    return row;
  }
  function chooseDonor(donor) {
    showDonors([]);
    for (const name of ["name", "email", "phone"]) {
      const field = findField(name);
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, donor[name]); // React would not notice its own
      for (const type of ["input", "focusout"]) field.dispatchEvent(new Event(type, { bubbles: true }));
    }
    find(".tiles", tiles.root).focus({ preventScroll: true });
  }
  // Let Streamlit send what stands in a field, as leaving it does; the focus stays. A code is judged once it is left.
  const commit = field => field.dispatchEvent(new Event("focusout", { bubbles: true }));
  const sendCode = field => tiles.send("typed", { order, code: (halfTypedCode = field.value) });
  addEventListener("input", ({ target, isTrusted }) => {
    if (!isTrusted || !target.closest?.('[class*="st-key-sale_"]') || target.closest(".till-line")) return;
    clearTimeout(pause), clearTimeout(searchTimer), (pressed = {});
    pause = setTimeout(target === findField("code") ? sendCode : commit, PAUSE_MS, target);
    if ([findField("name"), findField("email")].includes(target)) searchTimer = setTimeout(searchDonors, SEARCH_MS, target);
  });
  addEventListener("focusout", ({ isTrusted, relatedTarget, target }) => {
    if (!isTrusted || !tiles?.root.isConnected) return;
    leftAt = Date.now();
    if (halfTypedCode && target === findField("code")) clearTimeout(pause), sendCode({ value: "" });
    if (!find(".donors").hidden && !relatedTarget?.closest(".donors")) showDonors([]);
  });
  addEventListener("pointerdown", event => event.target.closest?.(".donors") && event.preventDefault(), true);
  document.addEventListener("click", event => { // after what others prevent at the window
    const link = event.target.closest?.('[data-testid="stPageLink"] a');
    if (link && Date.now() - leftAt < LEAVE_MS) stop(event), setTimeout(() => link.click(), LEAVE_MS); // what was typed goes first
    const record = event.target.closest?.('[class*="st-key-sale_record_"] button'), { answered } = tiles?.data ?? {};
    if (record?.ariaBusy === "true" && pressed.answered === answered) stop(event); // it is being recorded
    else if (record) pressed = { answered, label: record.textContent, at: Date.now() };
  }, true);
  addEventListener("keydown", event => { // before Streamlit's parts, some of which stop keys
    if (!tiles?.root.isConnected || event.isComposing) return;
    const { key, target } = event, isDialog = find(DIALOG), hasControl = event.ctrlKey || event.metaKey;
    const rows = [...document.querySelectorAll(".donors button")], at = rows.indexOf(target), step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (hasControl && key === "Enter" && !isDialog) {
      stop(event), commit(document.activeElement);
      if (!event.repeat) findIn("sale_record_", "button:enabled")?.click();
    } else if (rows.length && (step || key === "Escape" || (key === "Enter" && at < 0))) {
      stop(event);
      if (step) (rows[at + step] ?? findField("name")).focus();
      else if (key === "Enter") rows[0].click();
      else showDonors([]);
    } else if (!isDialog && !event.repeat && !hasControl && !event.altKey) {
      if (key === "Enter" && target.matches(".st-key-receipt")) findIn("new_sale", "button").click();
      if (target.matches(TEXT)) return;
      if (/^[1-9]$/.test(key)) add(find(`[data-key="${key}"]`, tiles.root));
      if (key === "/") stop(event), findField("name").focus();
      if (key === "Escape") findIn("start_over", "button")?.click();
      if (key === "?") findIn("till_keys", "button")?.click();
    }
  }, true);
  function drawReceipt(root, data) {
    const card = root.closest(".st-key-receipt");
    root.onclick = ({ target }) => {
      if (target.matches(".copy")) { // by selecting, which works without https, too
        getSelection().selectAllChildren(find(".codes", card));
        target.textContent = document.execCommand("copy") ? "Copied" : "Not copied";
      } else if (target.dataset.paper) print(card, target.dataset.paper);
    };
    if (card.dataset.order === data.order) return;
    Object.assign(card, { tabIndex: -1, role: "region", ariaLabel: `Receipt, order ${(card.dataset.order = data.order)}` }).focus({ preventScroll: true });
    card.scrollIntoView();
  }
  function print(card, paper) {
    document.body.dataset.print = paper; // narrows the card
    const height = Math.ceil((card.scrollHeight * 25.4) / 96) + 16;
    const textContent = `@page { ${paper === "letter" ? "size: letter; margin: 15mm" : `size: 80mm ${height}mm; margin: 4mm`}; @bottom-right { content: none; } }`;
    const style = document.body.appendChild(Object.assign(document.createElement("style"), { textContent }));
    addEventListener("afterprint", () => (style.remove(), delete document.body.dataset.print), { once: true });
    window.print();
  }
  setInterval(poll, POLL_MS);
})();
