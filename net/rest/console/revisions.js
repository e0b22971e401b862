// The tree of a document's revisions, as far as it leads to its live ones, from left to right.
import {draw, make, short_rev} from './page.js';

const step = 112;
const lane = 44;
const most_shown = 6; // of the newest of each branch

/// `leaves`: [{rev, history}], the winner first, histories newest first.
export function revision_tree(leaves) {
  const place = new Map(); // revision → {x, y}
  const edits = rev => Number(/^rev(\d+)/.exec(rev)?.[1] ?? 0);
  const newest = Math.max(...leaves.map(leaf => edits(leaf.rev)));
  const oldest = Math.max(1, newest - most_shown + 1);
  const links = [];
  const marks = [];
  leaves.forEach((leaf, i) => {
    let after;
    for (const rev of leaf.history.filter(one => edits(one) >= oldest)) {
      const known = place.get(rev);
      const at = known ?? {x: 14 + (edits(rev) - oldest) * step, y: 26 + i * lane};
      if (after) links.push(draw('path', {class: i === 0 ? 'branch' : 'branch lost',
        d: `M${at.x} ${at.y}C${at.x + (known ? 0 : step / 2)} ${known ? after.y : at.y} ${after.x - step / 2} ${after.y} ${after.x} ${after.y}`}));
      if (known) break;
      place.set(rev, at);
      const is_leaf = rev === leaf.rev;
      marks.push(draw('g', {class: `revision ${is_leaf ? 'leaf' : ''} ${i === 0 ? '' : 'lost'}`, transform: `translate(${at.x} ${at.y})`},
        draw('title', {}, rev), draw('circle', {r: is_leaf ? 5.5 : 4}), draw('text', {x: -6, y: -12}, short_rev(rev))));
      after = at;
    }
  });
  const width = 14 + (newest - oldest) * step + 96;
  const height = 36 + (leaves.length - 1) * lane;
  const older = leaves[0].history.length - leaves[0].history.filter(one => edits(one) >= oldest).length;
  return make('figure', {class: 'revisions', tabindex: '0', 'aria-label': 'History'},
    older > 0 && make('span', {class: 'older'}, `${older} older`),
    draw('svg', {viewBox: `0 0 ${width} ${height}`, width, height, role: 'img',
      'aria-label': `Revisions: ${leaves.map(leaf => leaf.history.map(short_rev).join(', ')).join('; beside it ')}`}, links, marks));
}
