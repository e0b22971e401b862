// Small charts of what happened in the last minutes.
import {draw, make, show_text} from './page.js';

const width = 240;
const height = 48;
const seconds_shown = 300;

/// [{at, value}] of how much a counter grew a second between two looks.
export function rates(samples, member) {
  const points = [];
  for (let i = 1; i < samples.length; ++i) {
    const passed = samples[i].at - samples[i - 1].at;
    const grown = samples[i][member] - samples[i - 1][member];
    if (passed > 0) points.push({at: samples[i].at, value: Math.max(0, grown) / passed});
  }
  return points;
}

/// [{at, value}] of `part` over `whole`, where there was something.
export function ratios(samples, part, whole) {
  const points = [];
  for (let i = 1; i < samples.length; ++i) {
    const number = samples[i][whole] - samples[i - 1][whole];
    points.push({at: samples[i].at, value: number > 0 ? (samples[i][part] - samples[i - 1][part]) / number : 0});
  }
  return points;
}

/// A card with the last value in large figures above its course; `write` makes the words for a value.
export function chart(title, write) {
  const value = make('strong', {class: 'figure'}, '–');
  const most = make('span', {class: 'most'});
  const area = draw('path', {class: 'area'});
  const line = draw('path', {class: 'course'});
  const ground = draw('path', {class: 'ground', d: `M0 ${height - 1}H${width}`});
  const picture = draw('svg', {class: 'chart', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none',
    role: 'img', 'aria-label': title}, ground, area, line);
  const element = make('section', {class: 'card'}, make('h3', {}, title), make('div', {class: 'figures'}, value, most), picture);
  const update = points => {
    if (points.length === 0) return;
    const top = Math.max(...points.map(point => point.value));
    const last = points[points.length - 1];
    show_text(value, write(last.value));
    show_text(most, top > 0 ? `peak ${write(top)}` : '');
    picture.setAttribute('aria-label', `${title}: ${write(last.value)} now, ${write(top)} at most in five minutes`);
    const x = point => (width - (last.at - point.at) * width / seconds_shown).toFixed(1);
    const y = point => (height - 1 - point.value / (top || 1) * (height - 4)).toFixed(1);
    const course = points.map((point, i) => `${i === 0 ? 'M' : 'L'}${x(point)} ${y(point)}`).join('');
    line.setAttribute('d', course);
    area.setAttribute('d', `${course}L${width} ${height}L${x(points[0])} ${height}Z`);
  };
  return {element, update};
}
