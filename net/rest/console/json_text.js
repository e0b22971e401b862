// JSON as the text that the node sent. A browser's numbers are doubles: JSON.parse would change 12345678901234567890, so
// documents are cut, indented and compared as text, and every token stays as it is. Texts that come from the node are
// valid; what somebody types is checked by `fault_of` first.

const quote = 34;
const backslash = 92;

function string_end(text, at) {
  for (let i = at + 1; i < text.length; ++i) {
    const c = text.charCodeAt(i);
    if (c === backslash) ++i;
    else if (c === quote) return i + 1;
  }
  return text.length;
}

const is_space = c => c === 32 || c === 10 || c === 13 || c === 9;

function skip_space(text, at) {
  while (at < text.length && is_space(text.charCodeAt(at))) ++at;
  return at;
}

/// Where the value that begins at `at` ends.
function value_end(text, at) {
  const first = text[at];
  if (first === '"') return string_end(text, at);
  if (first !== '{' && first !== '[') {
    let i = at;
    while (i < text.length && !',]}'.includes(text[i]) && !is_space(text.charCodeAt(i))) ++i;
    return i;
  }
  let depth = 0;
  for (let i = at; i < text.length;) {
    const c = text[i];
    if (c === '"') {
      i = string_end(text, i);
      continue;
    }
    if (c === '{' || c === '[') ++depth;
    if ((c === '}' || c === ']') && --depth === 0) return i + 1;
    ++i;
  }
  return text.length;
}

/// The members of an object: [{name, raw}], `raw` as it stands.
export function members(text) {
  const found = [];
  let at = skip_space(text, skip_space(text, 0) + 1);
  while (text[at] === '"') {
    const name_end = string_end(text, at);
    const begin = skip_space(text, skip_space(text, name_end) + 1);
    const end = value_end(text, begin);
    found.push({name: JSON.parse(text.slice(at, name_end)), raw: text.slice(begin, end)});
    at = skip_space(text, end);
    if (text[at] !== ',') break;
    at = skip_space(text, at + 1);
  }
  return found;
}

/// The items of an array, each as it stands.
export function elements(text) {
  const found = [];
  let at = skip_space(text, skip_space(text, 0) + 1);
  while (at < text.length && text[at] !== ']') {
    const end = value_end(text, at);
    found.push(text.slice(at, end));
    at = skip_space(text, end);
    if (text[at] !== ',') break;
    at = skip_space(text, at + 1);
  }
  return found;
}

/// An object's members by name.
export const by_name = text => Object.assign(Object.create(null),
                                             Object.fromEntries(members(text).map(one => [one.name, one.raw])));

/// The object of these members.
export const object_of = list => `{${list.map(one => `${JSON.stringify(one.name)}:${one.raw}`).join(',')}}`;

/// A document without what the node adds to it: what somebody edits. In `_members` are the document's own id and rev.
export const own_members = text => members(text).filter(one =>
  one.name !== 'id' && one.name !== 'rev' && (one.name === '_members' || !one.name.startsWith('_')));

/// Cuts a text into tokens: [{kind, text}], kind one of name, string, number, word, mark, space.
export function tokens(text) {
  const found = [];
  for (let at = 0; at < text.length;) {
    const c = text[at];
    let end = at + 1;
    let kind = 'mark';
    if (c === '"') {
      end = string_end(text, at);
      kind = text[skip_space(text, end)] === ':' ? 'name' : 'string';
    } else if (is_space(text.charCodeAt(at))) {
      end = skip_space(text, at);
      kind = 'space';
    } else if (!'{}[],:'.includes(c)) {
      end = Math.max(value_end(text, at), at + 1);
      kind = c === '-' || (c >= '0' && c <= '9') ? 'number' : 'word';
    }
    found.push({kind, text: text.slice(at, end)});
    at = end;
  }
  return found;
}

/// On one line, with a space after commas and colons.
export function one_line(text) {
  let out = '';
  for (const token of tokens(text)) {
    if (token.kind === 'space') continue;
    out += token.text === ',' || token.text === ':' ? token.text + ' ' : token.text;
  }
  return out;
}

/// Arrays and objects up to this length that hold no others stay on one line.
const short_enough = 64;

/// Indented by two spaces.
export function pretty(text) {
  let out = '';
  let depth = 0;
  const break_line = () => { out += '\n' + '  '.repeat(depth); };
  for (let at = skip_space(text, 0); at < text.length; at = skip_space(text, at)) {
    const c = text[at];
    if (c === '{' || c === '[') {
      const end = value_end(text, at);
      const inner = text.slice(at + 1, end - 1);
      const is_short = end - at <= short_enough && (depth > 0 || c === '[') && !/[[{]/.test(inner);
      if (is_short || inner.trim() === '') {
        const line = one_line(text.slice(at, end));
        out += c === '{' && inner.trim() !== '' ? `{ ${line.slice(1, -1)} }` : line;
        at = end;
        continue;
      }
      out += c;
      ++depth;
      ++at;
      break_line();
    } else if (c === '}' || c === ']') {
      --depth;
      ++at;
      break_line();
      out += c;
    } else if (c === ',') {
      out += c;
      ++at;
      break_line();
    } else if (c === ':') {
      out += ': ';
      ++at;
    } else {
      const end = Math.max(value_end(text, at), at + 1);
      out += text.slice(at, end);
      at = end;
    }
  }
  return out;
}

/// Why a text is no JSON object, or nothing where it is one.
export function fault_of(text) {
  try {
    const value = JSON.parse(text);
    const is_object = typeof value === 'object' && value !== null && !Array.isArray(value);
    return is_object ? undefined : 'A document is an object: { … }';
  } catch (fault) {
    return fault.message;
  }
}

/// Longer texts are not compared line by line: the table would take too long.
const most_lines = 1500;

/// Which lines of `other` are not in `base`, by their longest common subsequence: a Set of numbers.
export function new_lines(base, other) {
  const changed = new Set();
  if (base.length > most_lines || other.length > most_lines) return changed;
  const width = other.length + 1;
  const lengths = new Uint16Array((base.length + 1) * width);
  for (let i = base.length - 1; i >= 0; --i)
    for (let j = other.length - 1; j >= 0; --j)
      lengths[i * width + j] = base[i] === other[j]
        ? lengths[(i + 1) * width + j + 1] + 1
        : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
  for (let i = 0, j = 0; j < other.length;) {
    if (i < base.length && base[i] === other[j]) {
      ++i;
      ++j;
    } else if (i < base.length && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) {
      ++i;
    } else {
      changed.add(j++);
    }
  }
  return changed;
}
