// The elements of the page. What is put in is text, never markup.

const svg_names = 'http://www.w3.org/2000/svg';

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter(child => child !== undefined && child !== null && child !== false));
  return element;
}

/// make('a', {class: 'x', href: '#/', onclick: …}, 'text', other elements…)
export const make = (tag, properties = {}, ...children) => fill(document.createElement(tag), properties, children);
export const draw = (tag, properties = {}, ...children) =>
  fill(document.createElementNS(svg_names, tag), properties, children);

/// Signs that are not seen, and turn or hide what is: they are shown by their numbers.
const unseen = /[\u0080-\u00a0\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const visible = text => text.trim() === '' ? text.replaceAll(' ', '␣')
  : text.replace(unseen, sign => `⟨U+${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);

/// A name that somebody else chose: kept apart from the text around it, whatever it is written in.
export const named = text => make('bdi', {class: 'name'}, visible(text));

/// Sets what an element shows, without touching it where it shows that already.
export function show_text(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/// Makes the children of `parent` those of `items`, keeping the elements of items that were there before, and the focus.
export function show_items(parent, items, key_of, create, update = () => {}) {
  const before = parent.shown_items ?? new Map();
  const now = new Map();
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = key_of(item);
    const element = before.get(key) ?? create(item);
    update(element, item);
    now.set(key, element);
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  for (const [key, element] of before)
    if (now.get(key) !== element) element.remove();
  parent.shown_items = now;
}

/// Says something for a while.
export function notice(text, kind = 'good') {
  const line = make('p', {class: `notice ${kind}`}, visible(text));
  document.querySelector('#notices').append(line);
  setTimeout(() => line.remove(), kind === 'good' ? 5000 : 9000);
}

export const complain = fault => {
  if (fault.name !== 'AbortError') notice(sentence(fault.message), 'bad');
};

/// Asks before something that cannot be undone. Escape and Cancel give false, Enter does it.
export function confirm_that(title, details, action) {
  return new Promise(resolve => {
    let agreed = false;
    const dialog = make('dialog', {'aria-labelledby': 'dialog-title'},
      make('form', {onsubmit: event => { event.preventDefault(); agreed = true; dialog.close(); }},
        make('h2', {id: 'dialog-title'}, visible(title)), make('p', {}, visible(details)),
        make('div', {class: 'actions'},
          make('button', {type: 'button', onclick: () => dialog.close()}, 'Cancel'),
          make('button', {type: 'submit', class: 'danger', autofocus: true}, action))));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(agreed);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/// A form in a dialog, of labelled fields; resolves to their values, or nothing where it was left. `act` may throw: then the
/// reason is shown, and the dialog stays.
export function ask_form(title, fields, action, act) {
  const inputs = fields.map(field => make('input', {id: `field-${field.name}`, name: field.name, autocomplete: 'off',
    spellcheck: 'false', placeholder: field.placeholder, required: true}));
  const fault = make('p', {class: 'fault', role: 'alert'});
  const dialog = make('dialog', {'aria-labelledby': 'dialog-title'},
    make('form', {onsubmit: async event => {
      event.preventDefault();
      try {
        await act(Object.fromEntries(inputs.map(input => [input.name, input.value.trim()])));
        dialog.close();
      } catch (problem) {
        fault.textContent = sentence(problem.message);
      }
    }},
    make('h2', {id: 'dialog-title'}, title),
    fields.map((field, i) => make('label', {class: 'field', for: `field-${field.name}`}, make('span', {}, field.label),
      inputs[i], field.hint && make('small', {}, field.hint))),
    fault,
    make('div', {class: 'actions'},
      make('button', {type: 'button', onclick: () => dialog.close()}, 'Cancel'),
      make('button', {type: 'submit', class: 'first'}, action))));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/// Calls `act` once nothing has asked for it for a while.
export function when_quiet(milliseconds, act) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds);
  };
}

// How things are written
// ------------------------------------------------------------------------------------------------------------------------

export const sentence = text => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? '' : '.');

export const count = number => Math.round(number).toLocaleString('en');

export const counted = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/// A store tells sizes in steps: what is small, or came just now, is not counted yet.
export function bytes(number) {
  if (number === 0) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1000;
    ++unit;
  }
  return `${unit === 0 || number >= 100 ? Math.round(number) : number.toFixed(1)} ${units[unit]}`;
}

export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function rate(number) {
  return number >= 100 ? count(number) : number >= 10 ? number.toFixed(0) : number.toFixed(1);
}

/// rev3-40b061e66f62… as "3 · 40b061e6".
export function short_rev(rev) {
  const parts = /^rev(\d+)-(.*)$/.exec(rev);
  return parts ? `${parts[1]} · ${parts[2].slice(0, 8)}` : rev;
}

// Where things are
// ------------------------------------------------------------------------------------------------------------------------

/// The address of a view: `#/bucket/people/documents/sam`.
export const address = (...pieces) => '#/' + pieces.map(encodeURIComponent).join('/');
