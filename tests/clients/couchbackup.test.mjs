// @cloudant/couchbackup: what it backs up and restores is what was there.
import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {createReadStream, createWriteStream, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {before, describe, test} from 'node:test';
import {rev, revision} from './behaviours.mjs';
import {installed} from './packages.mjs';
import {ask, database, node, reference, temporary_folder} from './stage.mjs';
import {load, places} from './places.mjs';

const couchbackup = installed('@cloudant/couchbackup');

const backup = (url, file, options = {}) => new Promise((done, fail) =>
  couchbackup.backup(url, createWriteStream(file), options, (fault, result) => fault ? fail(fault) : done(result)));
const restore = (file, url) => new Promise((done, fail) =>
  couchbackup.restore(createReadStream(file), url, {}, (fault, result) => fault ? fail(fault) : done(result)));

/// Of all winners, as _all_docs lists them with their bodies.
async function digest_of(url) {
  const hash = createHash('sha256');
  let start = '';
  let count = 0;
  for (;;) {
    const {body} = await ask(`${url}/_all_docs?include_docs=true&limit=2000&startkey=${encodeURIComponent(JSON.stringify(start))}`);
    for (const {doc} of body.rows) hash.update(JSON.stringify(doc));
    count += body.rows.length;
    if (body.rows.length < 2000) return {digest: hash.digest('hex'), count};
    start = body.rows.at(-1).id + '\u0000';
  }
}

describe('couchbackup', () => {
  const folder = temporary_folder();
  let server;
  let source;
  before(async () => {
    server = await node();
    source = await database(server);
    await load(source, places(20000));
  });

  test('20,000 places come back as they were', async () => {
    const file = join(folder, 'full.txt');
    const {total} = await backup(source, file, {log: join(folder, 'full.log'), parallelism: 2});
    assert.equal(total, 20000);
    const target = await database(server);
    assert.equal((await restore(file, target)).total, 20000);
    const [before, after] = [await digest_of(source), await digest_of(target)];
    assert.equal(before.count, 20000);
    assert.deepEqual(after, before);
    if (reference) return;
    const digests = await Promise.all([source, target].map(url => ask(server.rest + new URL(url).pathname)));
    assert.equal(digests[0].status, 200);
    assert.equal(digests[0].body.digest, digests[1].body.digest);
  });
  test('a shallow backup holds every winner', async () => {
    const file = join(folder, 'shallow.txt');
    await backup(source, file, {mode: 'shallow', bufferSize: 1000});
    // The first line is about the file; each other one is a batch.
    const docs = readFileSync(file, 'utf8').trim().split('\n').flatMap(line => {
      const batch = JSON.parse(line);
      return Array.isArray(batch) ? batch : [];
    });
    assert.equal(new Set(docs.map(doc => doc._id)).size, 20000);
  });
  test('conflicts and tombstones are in it', async () => {
    const [from, to] = [await database(server), await database(server)];
    const docs = [revision('a', [rev(1, 'a')], {n: 1}), revision('a', [rev(2, 'c'), rev(1, 'b')], {n: 2}),
      revision('gone', [rev(2, 'd'), rev(1, 'a')], {_deleted: true})];
    await ask(`${from}/_bulk_docs`, 'POST', {new_edits: false, docs});
    const file = join(folder, 'conflicts.txt');
    await backup(from, file, {log: join(folder, 'conflicts.log')});
    await restore(file, to);
    const changes = await Promise.all([from, to].map(async url => (await ask(`${url}/_changes?style=all_docs`)).body.results));
    const of = rows => rows.map(row => [row.id, row.deleted, row.changes.map(change => change.rev).toSorted()]).toSorted();
    assert.deepEqual(of(changes[1]), of(changes[0]));
    assert.equal((await ask(`${to}/a?rev=${rev(1, 'a')}`)).body.n, 1);
  });
});
