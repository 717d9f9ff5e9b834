/* The list of the Arrange view: packages dragged by mouse or finger, moved by keys, buttons and typed positions.
   Every change is sent at once as the whole order, with the order it was made from, so that the server can judge it
   (ui/packages/reorder.py). A row that moves stays where it is in the document and its neighbours go around it: what moves
   keeps the focus and the pointer. */

const lists = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  if (!lists.has(parentElement)) lists.set(parentElement, new Arranging(parentElement));
  const arranging = lists.get(parentElement);
  arranging.send = (change) => setTriggerValue("order", change);
  arranging.take(data);
}

const FINGERS_TREMBLE = 4;   // px that are no drag yet
const EDGE = 70;             // px from the edge of what scrolls, where a dragged row makes it scroll

class Arranging {
  constructor(place) {
    this.list = place.querySelector("ol");
    this.status = place.querySelector("[role=status]");
    this.template = place.querySelector("template");
    this.known = null;       // what the server said last
    this.waiting = null;     // what it said while a row was held
    this.sent = 0;           // the number of the last change
    this.pressed = null;     // a row under a pointer that may yet be dragged
    this.held = null;        // the row that is carried, the order it was taken from, the pointer that carries it
    this.list.onclick = (event) => this.click(event);
    this.list.onkeydown = (event) => this.key(event);
    this.list.onchange = (event) => this.type(event.target);
    this.list.addEventListener("focusin", (event) => event.target.matches("input") && event.target.select());
    this.list.addEventListener("focusout", () => this.held && !this.held.pointer && this.release(false));
    this.list.onpointerdown = (event) => this.press(event);
    this.list.onpointermove = (event) => this.move(event);
    this.list.onpointerup = () => this.lift(true);
    this.list.onpointercancel = () => this.lift(false);
    this.onEscape = (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.release(false);
    };
  }

  // What the server says. An answer to an earlier change than the last one would set the list back for a moment.
  take(data) {
    if (this.held) { this.waiting = data; return; }
    if (data.view !== this.known?.view) this.sent = data.answered;
    if (data.answered < this.sent) return;
    this.known = data;
    const rows = new Map(this.rows().map((row) => [row.dataset.id, row]));
    this.place(data.packages.map((each) => this.write(rows.get(each.id) ?? this.made(), each)));
  }

  made() { return this.template.content.firstElementChild.cloneNode(true); }

  write(row, { id, name, detail }) {
    row.dataset.id = id;
    row.querySelector(".name").textContent = row.querySelector(".name").title = name;
    row.querySelector(".detail").textContent = detail;
    row.querySelector(".handle").ariaLabel = `Move ${name}`;
    row.querySelector("input").ariaLabel = `Position of ${name}`;
    row.querySelector(".up").ariaLabel = `Move ${name} up`;
    row.querySelector(".down").ariaLabel = `Move ${name} down`;
    return row;
  }

  place(rows) {
    const focused = this.list.getRootNode().activeElement;
    if (rows.length !== this.list.children.length || rows.some((row, at) => row !== this.list.children[at]))
      this.list.replaceChildren(...rows);
    if (focused?.isConnected) focused.focus({ preventScroll: true });
    this.number();
  }

  number() {
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

  rows() { return [...this.list.children]; }
  order() { return this.rows().map((row) => row.dataset.id); }
  say(row, what) {
    const name = row.querySelector(".name").textContent;
    this.status.textContent = `${name} ${what}, position ${this.rows().indexOf(row) + 1} of ${this.list.children.length}.`;
  }

  // One place up or down, while there is one. Answers whether there was.
  shift(row, isDown) {
    const neighbour = isDown ? row.nextElementSibling : row.previousElementSibling;
    if (!neighbour) return false;
    this.list.insertBefore(neighbour, isDown ? row : row.nextElementSibling);
    return true;
  }

  moveTo(row, at) {
    const isDown = at > this.rows().indexOf(row);
    while (this.list.children[at] !== row && this.shift(row, isDown));
    this.number();
    row.scrollIntoView({ block: "nearest" });
  }

  save(row) {
    this.sent += 1;
    this.say(row, "moved");
    this.send({
      number: this.sent,
      knows: this.known.answered,
      seen: this.known.packages.map((each) => each.id),
      order: this.order(),
      moved: row.dataset.id,
    });
  }

  // Buttons. A click that no pointer made is Space, Enter or a screen reader.
  click(event) {
    const button = event.target.closest("button");
    const row = button?.closest("li");
    if (!row) return;
    if (button.matches(".handle")) {
      if (event.detail === 0) this.held ? this.release(true) : this.hold(row);
      return;
    }
    if (!this.shift(row, button.matches(".down"))) return;
    this.moveTo(row, this.rows().indexOf(row));
    this.save(row);
  }

  // A typed position; what is no number is put back.
  type(position) {
    const row = position.closest("li");
    const from = this.rows().indexOf(row);
    const wanted = /^\s*\d+\s*$/.test(position.value) ? Number(position.value) : from + 1;
    const at = Math.min(Math.max(wanted, 1), this.list.children.length) - 1;
    position.value = position.defaultValue;
    this.moveTo(row, at);
    if (at !== from) this.save(row);
  }

  key(event) {
    if (event.key === "Escape" && event.target.matches("input")) event.target.value = event.target.defaultValue;
    if (!this.held || this.held.pointer) return;
    const at = this.rows().indexOf(this.held.row);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: this.list.children.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to < this.list.children.length) this.moveTo(this.held.row, to);
    this.say(this.held.row, "moved");
  }

  hold(row, pointer = null) {
    this.held = { row, pointer, from: this.order() };
    row.classList.add("held");
    row.querySelector(".handle").ariaPressed = "true";
    document.addEventListener("keydown", this.onEscape, true);
    this.say(row, "picked up");
  }

  // The end of carrying: kept and saved, or put back where it was taken from.
  release(isKept) {
    const { row, from } = this.held;
    this.held = this.pressed = null;
    document.removeEventListener("keydown", this.onEscape, true);
    row.classList.remove("held");
    row.style.transform = "";
    row.querySelector(".handle").ariaPressed = null;
    if (isKept && this.order().join() !== from.join()) this.save(row);
    else {
      const rows = new Map(this.rows().map((each) => [each.dataset.id, each]));
      this.place(from.map((id) => rows.get(id)));
      this.say(row, "left");
    }
    if (this.waiting) { const data = this.waiting; this.waiting = null; this.take(data); }
  }

  // Pointers: a mouse drags a row anywhere, a finger by its handle, so that the rest of the row scrolls the page.
  press(event) {
    const row = event.target.closest("li");
    const isHandle = event.target.closest(".handle");
    const isElsewhere = event.pointerType !== "mouse" || event.target.closest("button, input");
    if (!row || event.button > 0 || this.held || (!isHandle && isElsewhere)) return;
    this.pressed = { row, id: event.pointerId, y: event.clientY, grip: event.clientY - row.getBoundingClientRect().top };
    this.list.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (this.pressed?.id !== event.pointerId) return;
    if (!this.held) {
      if (Math.abs(event.clientY - this.pressed.y) < FINGERS_TREMBLE) return;
      this.hold(this.pressed.row, this.pressed);
      this.scroller = scrollerOf(this.list);
      requestAnimationFrame(() => this.scroll());
    }
    this.pressed.y = event.clientY;
    this.drag();
  }

  lift(isKept) {
    if (this.held?.pointer) this.release(isKept);
    this.pressed = null;
  }

  // The row follows the pointer; a neighbour gives way when the row covers half of it.
  drag() {
    const { row, pointer } = this.held;
    const top = pointer.y - pointer.grip, bottom = top + row.offsetHeight;
    const middle = (each) => { const box = each.getBoundingClientRect(); return box.top + box.height / 2; };
    while (row.nextElementSibling && bottom > middle(row.nextElementSibling)) this.shift(row, true);
    while (row.previousElementSibling && top < middle(row.previousElementSibling)) this.shift(row, false);
    this.number();
    row.style.transform = `translateY(${top - this.list.getBoundingClientRect().top - row.offsetTop}px)`;
  }

  // While a row is dragged near an edge, what is beyond the edge comes along.
  scroll() {
    if (!this.held?.pointer) return;
    const { y } = this.held.pointer, box = this.scroller.getBoundingClientRect();
    const beyond = Math.min(y - box.top - EDGE, 0) + Math.max(y - box.bottom + EDGE, 0);
    if (beyond) { this.scroller.scrollTop += beyond / 5; this.drag(); }
    requestAnimationFrame(() => this.scroll());
  }
}

function scrollerOf(element) {
  for (let each = element; each; each = each.parentElement ?? each.getRootNode().host) {
    const isScrolling = /auto|scroll/.test(getComputedStyle(each).overflowY);
    if (isScrolling && each.scrollHeight > each.clientHeight) return each;
  }
  return document.scrollingElement;
}
