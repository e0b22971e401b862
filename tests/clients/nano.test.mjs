// nano, with the calls of its README.
import assert from 'node:assert/strict';
import {before, describe, test} from 'node:test';
import {refusal} from './behaviours.mjs';
import {installed} from './packages.mjs';
import {fresh_name, node, reference, until} from './stage.mjs';

const Nano = installed('nano');

const text_of = async stream => {
  let text = '';
  for await (const piece of stream) text += piece;
  return text;
};

describe('nano', {concurrency: 4}, () => {
  let server;
  let nano;
  before(async () => {
    server = await node();
    nano = Nano(server.url);
  });
  const made = async () => {
    const name = fresh_name();
    await nano.db.create(name);
    return nano.use(name);
  };

  test('databases are made, described, listed and destroyed', async () => {
    const name = fresh_name();
    assert.equal((await nano.db.create(name)).ok, true);
    const again = await refusal(nano.db.create(name));
    assert.deepEqual([again.statusCode, again.error], [412, 'file_exists']);
    const info = await nano.db.get(name);
    assert.deepEqual([info.db_name, info.doc_count], [name, 0]);
    assert.ok((await nano.db.list()).includes(name));
    assert.ok(JSON.parse(await text_of(nano.db.listAsStream())).includes(name));
    assert.equal((await nano.db.destroy(name)).ok, true);
    assert.equal((await refusal(nano.db.get(name))).statusCode, 404);
  });
  test('a database is compacted', async () => {
    const db = await made();
    await db.insert({n: 1}, 'a');
    assert.equal((await nano.db.compact(db.config.db)).ok, true);
    await until(async () => !(await nano.db.get(db.config.db)).compact_running, 'the compaction to end');
    assert.equal((await db.get('a')).n, 1);
  });
  test('the server says who it is and gives uuids', async () => {
    const info = await nano.info();
    assert.equal(info.couchdb ?? info['express-pouchdb'], info.couchdb ? 'Welcome' : 'Welcome!');
    const {uuids} = await nano.uuids(3);
    assert.equal(uuids.length, 3);
    uuids.forEach(uuid => assert.match(uuid, /^[0-9a-f]{32}$/));
  });
  test('a root that is not the root of the server', {skip: reference && 'needs a node'}, async () => {
    const below = Nano({url: `${server.rest}/_couch`, parseUrl: false});
    const db = await made();
    await below.use(db.config.db).insert({happy: true}, 'a');
    assert.equal((await db.get('a')).happy, true);
  });
  test('documents are inserted, read, updated and destroyed', async () => {
    const alice = await made();
    const {ok, id, rev} = await alice.insert({happy: true}, 'rabbit');
    assert.deepEqual([ok, id], [true, 'rabbit']);
    assert.deepEqual(await alice.get('rabbit'), {_id: 'rabbit', _rev: rev, happy: true});
    assert.deepEqual((await alice.get('rabbit', {revs_info: true}))._revs_info, [{rev, status: 'available'}]);
    const second = await alice.insert({_id: 'rabbit', _rev: rev, happy: false});
    assert.equal((await refusal(alice.insert({_id: 'rabbit', _rev: rev}))).statusCode, 409);
    const head = await alice.head('rabbit');
    assert.equal(head.etag, `"${second.rev}"`);
    assert.equal((await alice.destroy('rabbit', second.rev)).ok, true);
    const gone = await refusal(alice.get('rabbit'));
    assert.deepEqual([gone.statusCode, gone.error, gone.reason], [404, 'not_found', 'deleted']);
    const {id: given} = await alice.insert({unnamed: true});
    assert.equal((await alice.get(given)).unnamed, true);
  });
  test('bulk, list and fetch', async () => {
    const alice = await made();
    const rows = await alice.bulk({docs: [{_id: 'tiger', striped: true}, {_id: 'zebra', striped: true}, {_id: 'donkey'}, {a: 1}]});
    assert.equal(rows.filter(row => row.ok ?? row.rev).length, 4);
    assert.equal((await alice.list()).total_rows, 4);
    assert.equal((await alice.list({include_docs: true, startkey: 'tiger', endkey: 'zebra'})).rows[0].doc.striped, true);
    assert.equal(JSON.parse(await text_of(alice.listAsStream())).rows.length, 4);
    const fetched = await alice.fetch({keys: ['tiger', 'nothing', 'donkey']});
    assert.deepEqual(fetched.rows.map(row => row.doc?._id ?? row.error), ['tiger', 'not_found', 'donkey']);
    const revs = await alice.fetchRevs({keys: ['tiger']});
    assert.deepEqual([revs.rows[0].value.rev, revs.rows[0].doc], [rows[0].rev, undefined]);
  });
  test('changes, once and as a stream', async () => {
    const alice = await made();
    await alice.bulk({docs: [{_id: 'a'}, {_id: 'b'}]});
    const changes = await nano.db.changes(alice.config.db, {include_docs: true});
    assert.deepEqual(changes.results.map(row => row.doc._id).toSorted(), ['a', 'b']);
    const later = await alice.changes({since: changes.last_seq});
    assert.deepEqual(later.results, []);
    assert.equal(JSON.parse(await text_of(alice.changesAsStream())).results.length, 2);
  });
  test('a changesReader that gets reads to the end', async () => {
    const alice = await made();
    await alice.bulk({docs: Array.from({length: 120}, (_, i) => ({_id: `d${i}`}))});
    const seen = await new Promise((done, fail) => {
      const ids = [];
      alice.changesReader.get({batchSize: 50, since: 0, timeout: 500}).on('change', row => ids.push(row.id)).on('end', () => done(ids)).on('error', fail);
    });
    assert.equal(new Set(seen).size, 120);
    assert.equal(seen.length, 120);
  });
  test('a changesReader that is started sees what comes', async () => {
    const alice = await made();
    const seen = [];
    const reader = alice.changesReader.start({since: 0, includeDocs: true});
    let fault;
    reader.on('change', row => seen.push(row.doc.n)).on('error', problem => { fault ??= problem; });
    for (let n = 0; n < 5; ++n) await alice.insert({n});
    await until(() => seen.length === 5, 'five changes');
    assert.equal(fault, undefined);
    alice.changesReader.stop(); // aborts its request, which it tells as an error
    assert.deepEqual(seen, [0, 1, 2, 3, 4]);
  });
  test('a changesReader that spools gives batches', async () => {
    const alice = await made();
    await alice.bulk({docs: Array.from({length: 120}, (_, i) => ({_id: `d${i}`}))});
    const sizes = await new Promise((done, fail) => {
      const batches = [];
      alice.changesReader.spool({batchSize: 50, since: 0}).on('batch', batch => batches.push(batch.length))
        .on('end', () => done(batches)).on('error', fail);
    });
    assert.equal(sizes.reduce((sum, size) => sum + size, 0), 120);
  });
  test('ids that a URL must escape', async () => {
    const alice = await made();
    for (const id of ['a/b', 'with space', 'q?x=1', 'ü', 'a+b']) {
      const {rev} = await alice.insert({n: 1}, id);
      assert.equal((await alice.get(id))._rev, rev);
      assert.equal((await alice.head(id)).etag, `"${rev}"`);
      await alice.destroy(id, rev);
    }
  });
  test('a custom request', async () => {
    const alice = await made();
    const {rev} = await alice.insert({n: 1}, 'a');
    const copied = await nano.request({db: alice.config.db, method: 'POST', path: '_bulk_get', body: {docs: [{id: 'a'}]}});
    assert.equal(copied.results[0].docs[0].ok._rev, rev);
  });
});
