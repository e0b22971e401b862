// Whether databases hold the same: documents, conflicts, tombstones and bodies.
import assert from 'node:assert/strict';
import {patience, until} from './stage.mjs';

/// Every document's leaves, in one order.
export async function content(db) {
  const {results} = await db.changes({style: 'all_docs', since: 0});
  const rows = results.map(row => [row.id, [row.deleted ?? false, ...row.changes.map(change => change.rev).toSorted()]]);
  return Object.fromEntries(rows.toSorted(([a], [b]) => a < b ? -1 : 1));
}

/// The live leaves of a document.
export async function leaves(db, id) {
  const {_rev, _conflicts = []} = await db.get(id, {conflicts: true});
  return [_rev, ..._conflicts];
}

async function bodies(db) {
  const {rows} = await db.allDocs({include_docs: true, conflicts: true});
  return rows.map(row => row.doc);
}

/// Waits until all hold the same, and compares every body.
export async function all_equal(databases, limit = patience) {
  await until(async () => {
    const [first, ...others] = await Promise.all(databases.map(content));
    for (const other of others) assert.deepEqual(other, first);
    return true;
  }, 'all databases to be equal', limit);
  const [first, ...others] = await Promise.all(databases.map(bodies));
  for (const other of others) assert.deepEqual(other, first);
}
