// Shows JSON texts: coloured, and beside each other with what differs.
import {new_lines, one_line, pretty, tokens} from './json_text.js';
import {make} from './page.js';

/// Longer texts are shown without colours: each token is an element.
const most_coloured = 200000;

const coloured = text => tokens(text).map(
  token => token.kind === 'space' || token.kind === 'mark' ? token.text
                                                           : make('span', {class: `json-${token.kind}`}, token.text));

/// A member that is no longer the last has not changed.
const without_commas = lines => lines.map(line => line.replace(/,$/, ''));

/// An indented document. Lines that are not in `base` (a text, too) are marked.
export function json_block(text, base) {
  const shown = pretty(text);
  if (shown.length > most_coloured) return make('pre', {class: 'json', tabindex: '0'}, shown);
  const lines = shown.split('\n');
  const changed = base === undefined ? new Set() : new_lines(without_commas(pretty(base).split('\n')), without_commas(lines));
  return make('pre', {class: 'json', tabindex: '0'},
    lines.map((line, i) => make('span', {class: changed.has(i) ? 'line changed' : 'line'}, coloured(line), '\n')));
}

/// One value on a line.
export function json_value(text, most = 300) {
  const line = one_line(text);
  return make('span', {class: 'json-line'}, coloured(line.length > most ? line.slice(0, most) + '…' : line));
}
