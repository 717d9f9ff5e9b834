/* A list in its order: one that is made here (ui/widgets/drag_list.py), or the rows of the packages page.
   Its rows are dragged by mouse or finger, or moved with keys, buttons and typed positions. Every change sends the whole
   order and the order it was made from, so that the server can detect conflicts . A moving row
   stays in place in the DOM, so that it keeps the focus and the pointer capture: a style sheet puts the rows in order. */

const lists = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  if (!lists.has(parentElement)) lists.set(parentElement, new PackageList(parentElement));
  const packageList = lists.get(parentElement);
  packageList.send = (change) => setTriggerValue("order", change);
  packageList.update(data);
  return () => packageList.sheet.replaceSync("");
}

const DRAG_THRESHOLD_PIXELS = 4; // a shorter pointer movement is a click
const SCROLL_EDGE_PIXELS = 70; // distance to the scroller's edge at which a dragged row scrolls it

class PackageList {
  constructor(root) {
    this.template = root.querySelector("template"); // null: the rows are Streamlit's
    this.list = root.querySelector("ol") ?? root.host.closest('[class*="st-key-rows_"]');
    this.status = root.querySelector("[role=status]");
    this.sheet = new CSSStyleSheet();
    (this.template ? root : document).adoptedStyleSheets.push(this.sheet);
    this.ids = []; // of the packages in the order shown
    this.serverState = null; // the last data from the server
    this.pendingState = null; // data that arrived while a row was dragged
    this.lastChangeNumber = 0;
    this.pressedRow = null; // a row under a pressed pointer that may become a drag
    this.dragged = null; // the dragged row, the order before, and the pointer (null by keyboard)
    this.list.onclick = (event) => this.onClick(event);
    this.list.onkeydown = (event) => this.onKeyDown(event);
    this.list.addEventListener("focusout", () => this.dragged && !this.dragged.pointer && this.endDrag(false));
    this.list.onpointerdown = (event) => this.onPointerDown(event);
    this.list.onpointermove = (event) => this.onPointerMove(event);
    this.list.onpointerup = () => this.onPointerUp(true);
    this.list.onpointercancel = () => this.onPointerUp(false);
    this.onEscape = (event) => event.key === "Escape" && (event.stopPropagation(), this.endDrag(false));
    this.list.addEventListener("focusin", ({ target }) => {
      this.focused = { target, id: this.ids.find((id) => this.find(id)?.contains(target)) };
      if (target.matches("li input")) target.select();
    });
    this.list.addEventListener("focusout", ({ target }) => setTimeout(() => target.isConnected && (this.focused = null)));
    if (this.template) this.list.onchange = (event) => this.onPositionTyped(event.target);
  }

  // Show the data from the server. Data that predates the last change would set the list back for a moment.
  update(data) {
    if (this.dragged) { this.pendingState = data; return; }
    if (data.view !== this.serverState?.view) this.lastChangeNumber = data.answered;
    if (data.answered < this.lastChangeNumber) return;
    this.serverState = data;
    if (this.template) this.replaceRows(data.packages.map((each) => this.fillRow(this.find(each.id) ?? this.template.content.firstElementChild.cloneNode(true), each)));
    this.setOrder(data.packages.map((each) => each.id));
    for (const row of this.rows()) row?.classList.remove("saving");
    if (!this.focused || this.focused.target.isConnected) return;
    const part = this.focused.target.matches(".handle") ? ".handle" : "article a"; // which Streamlit has replaced
    this.find(this.focused.id)?.querySelector(part)?.focus({ preventScroll: true });
  }

  fillRow(row, { id, name, detail }) {
    row.dataset.id = id;
    row.querySelector(".name").textContent = row.querySelector(".name").title = name;
    row.querySelector(".detail").textContent = detail;
    const labels = { ".handle": `Move ${name}`, input: `Position of ${name}`, ".up": `Move ${name} up`, ".down": `Move ${name} down` };
    for (const [part, label] of Object.entries(labels)) row.querySelector(part).ariaLabel = label;
    return row;
  }

  // Put the rows around the one with the focus, which stays in place: moved, its field would forget that it was typed into.
  replaceRows(rows) {
    if (rows.length === this.list.children.length && rows.every((row, at) => row === this.list.children[at])) return;
    const at = rows.findIndex((row) => row.contains(this.list.getRootNode().activeElement));
    if (at < 0) return this.list.replaceChildren(...rows);
    for (const row of [...this.list.children]) if (!rows.includes(row)) row.remove();
    rows[at].before(...rows.slice(0, at));
    rows[at].after(...rows.slice(at + 1));
  }

  setOrder(ids) {
    this.ids = ids;
    this.sheet.replaceSync(ids.map((id, at) => `${this.selectorOf(id)} { order: ${at + 1}; }`).join(""));
    if (!this.template) return;
    const focused = this.list.getRootNode().activeElement;
    this.rows().forEach((row, at, { length }) => {
      const position = row.querySelector("input");
      const isBeingTyped = position === focused && position.value !== position.defaultValue;
      position.defaultValue = at + 1;
      if (!isBeingTyped) position.value = at + 1;
      row.querySelector(".up").ariaDisabled = String(at === 0);
      row.querySelector(".down").ariaDisabled = String(at === length - 1);
    });
  }

  selectorOf(id) { return this.template ? `li[data-id="${id}"]` : `div:has(> .st-key-card_${id})`; }
  find(id) { return this.list.querySelector(this.selectorOf(id)); }
  rows() { return this.ids.map((id) => this.find(id)); }
  rowOf(target) { return target.closest("li") ?? target.closest(".handle")?.closest('[class*="st-key-card_"]').parentElement; }

  announce(row, what) {
    const name = row.querySelector(".name, h2").textContent;
    this.status.textContent = `${name} ${what}, position ${this.rows().indexOf(row) + 1} of ${this.ids.length}.`;
  }

  // Move a row one position up or down. Returns false at the end of the list.
  moveByOne(row, isDown) {
    const ids = [...this.ids], at = this.rows().indexOf(row), to = at + (isDown ? 1 : -1);
    if (!(to in ids)) return false;
    [ids[at], ids[to]] = [ids[to], ids[at]];
    this.setOrder(ids);
    return true;
  }

  moveTo(row, at) {
    const isDown = at > this.rows().indexOf(row);
    while (this.rows()[at] !== row && this.moveByOne(row, isDown));
    row.scrollIntoView({ block: "nearest" });
  }

  sendOrder(row) {
    this.lastChangeNumber += 1;
    this.announce(row, "moved");
    row.classList.add("saving");
    const seen = this.serverState.packages.map((each) => each.id), moved = this.ids[this.rows().indexOf(row)];
    this.send({ number: this.lastChangeNumber, knows: this.serverState.answered, seen, order: this.ids, moved });
  }

  // Buttons. A click with detail 0 comes from the keyboard or a screen reader.
  onClick(event) {
    const button = event.target.closest("button"), row = button && this.rowOf(button);
    if (!row) return;
    if (button.matches(".handle")) return event.detail === 0 && (this.dragged ? this.endDrag(true) : this.startDrag(row));
    if (!this.moveByOne(row, button.matches(".down"))) return;
    row.scrollIntoView({ block: "nearest" });
    this.sendOrder(row);
  }

  // Move to a typed position; anything but a number restores the position.
  onPositionTyped(position) {
    const row = this.rowOf(position), from = this.rows().indexOf(row);
    const requested = /^\s*\d+\s*$/.test(position.value) ? Number(position.value) : from + 1;
    const at = Math.min(Math.max(requested, 1), this.ids.length) - 1;
    position.value = position.defaultValue;
    this.moveTo(row, at);
    if (at !== from) this.sendOrder(row);
  }

  onKeyDown(event) {
    if (event.key === "Escape" && event.target.matches("li input")) event.target.value = event.target.defaultValue;
    if (!this.dragged || this.dragged.pointer) return;
    const at = this.rows().indexOf(this.dragged.row);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: this.ids.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to in this.ids) this.moveTo(this.dragged.row, to);
    this.announce(this.dragged.row, "moved");
  }

  startDrag(row, pointer = null) {
    this.dragged = { row, pointer, from: this.ids };
    row.classList.add("held");
    row.querySelector(".handle").ariaPressed = "true";
    document.addEventListener("keydown", this.onEscape, true);
    this.announce(row, "picked up");
  }

  // End a drag: keep and send the new order, or restore the order before.
  endDrag(isKept) {
    const { row, from } = this.dragged;
    this.dragged = this.pressedRow = null;
    document.removeEventListener("keydown", this.onEscape, true);
    row.classList.remove("held");
    row.style.removeProperty("--dragged-by");
    row.querySelector(".handle").ariaPressed = null;
    if (isKept && this.ids.join() !== from.join()) this.sendOrder(row);
    else { this.setOrder(from); this.announce(row, "left"); }
    if (this.pendingState) { const data = this.pendingState; this.pendingState = null; this.update(data); }
  }

  // A mouse drags a row of the Arrange view anywhere, a finger only by the handle, so that the rest scrolls the page.
  onPointerDown(event) {
    const row = this.rowOf(event.target), isHandle = event.target.closest(".handle");
    const isOutsideHandle = event.pointerType !== "mouse" || event.target.closest("button, input");
    if (!row || event.button > 0 || this.dragged || (!isHandle && isOutsideHandle)) return;
    this.pressedRow = { row, id: event.pointerId, y: event.clientY, grip: event.clientY - row.getBoundingClientRect().top };
    this.list.setPointerCapture(event.pointerId);
  }

  onPointerMove(event) {
    if (this.pressedRow?.id !== event.pointerId) return;
    if (!this.dragged) {
      if (Math.abs(event.clientY - this.pressedRow.y) < DRAG_THRESHOLD_PIXELS) return;
      this.startDrag(this.pressedRow.row, this.pressedRow);
      this.scroller = findScroller(this.list);
      requestAnimationFrame(() => this.autoScroll());
    }
    this.pressedRow.y = event.clientY;
    this.moveDraggedRow();
  }

  onPointerUp(isKept) {
    if (this.dragged?.pointer) this.endDrag(isKept);
    this.pressedRow = null;
  }

  // Follow the pointer; a neighbor moves away when the row covers half of it. The free place is the drop zone.
  moveDraggedRow() {
    const { row, pointer } = this.dragged, top = pointer.y - pointer.grip, bottom = top + row.offsetHeight;
    const boxOf = (step) => this.rows()[this.rows().indexOf(row) + step]?.getBoundingClientRect();
    const middle = (step, box = boxOf(step)) => box && box.top + box.height / 2;
    while (bottom > middle(1)) this.moveByOne(row, true);
    while (top < middle(-1)) this.moveByOne(row, false);
    row.style.setProperty("--dragged-by", `${top - this.list.getBoundingClientRect().top - row.offsetTop}px`);
  }

  // Scroll while a row is dragged near an edge of the scroller.
  autoScroll() {
    if (!this.dragged?.pointer) return;
    const { y } = this.dragged.pointer, box = this.scroller.getBoundingClientRect();
    const beyond = Math.min(y - box.top - SCROLL_EDGE_PIXELS, 0) + Math.max(y - box.bottom + SCROLL_EDGE_PIXELS, 0);
    if (beyond) { this.scroller.scrollTop += beyond / 5; this.moveDraggedRow(); }
    requestAnimationFrame(() => this.autoScroll());
  }
}

function findScroller(element) {
  for (let each = element; each; each = each.parentElement ?? each.getRootNode().host)
    if (/auto|scroll/.test(getComputedStyle(each).overflowY) && each.scrollHeight > each.clientHeight) return each;
  return document.scrollingElement;
}
