// PouchDB in a page of another origin: its requests carry credentials, and so does the permission.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {before, describe, test} from 'node:test';
import {browser, no_browser, site} from './browser.mjs';
import {pouchdb, installed_file} from './packages.mjs';
import {ask, database, node, reference, until} from './stage.mjs';

const PouchDB = pouchdb();
const why = reference ? 'needs a node' : no_browser ? `there is no ${no_browser}` : false;

const page = () => ({
  '/': ['text/html', '<!doctype html><meta charset="utf-8"><title>vault</title><script src="pouchdb.js"></script>'],
  '/pouchdb.js': ['text/javascript', readFileSync(installed_file('pouchdb/dist/pouchdb.min.js'), 'utf8')],
  '/favicon.ico': ['image/png', ''],
});

describe('PouchDB in a browser', {skip: why}, () => {
  let server;
  let chromium;
  let allowed;
  let stranger;
  before(async () => {
    [allowed, stranger] = [await site(page()), await site(page())];
    server = await node('node', ['--cors-origins', allowed]);
    chromium = await browser();
  });

  test('reads and writes, with credentials in its requests', async () => {
    const url = await database(server);
    await chromium.open(allowed + '/');
    const seen = await chromium.run(async where => {
      const db = new window.PouchDB(where, {auth: {username: 'alice', password: 'secret'}});
      const {rev} = await db.put({_id: 'a', from: location.origin});
      await db.put({_id: 'a', _rev: rev, n: 2});
      const missing = await db.get('nothing').catch(fault => fault.status);
      const conflict = await db.put({_id: 'a', _rev: rev}).catch(fault => fault.status);
      await db.remove(await db.get('a'));
      await db.bulkDocs([{_id: 'x/y z'}, {_id: 'ü'}]);
      return {missing, conflict, ids: (await db.allDocs()).rows.map(row => row.id), info: (await db.info()).doc_count};
    }, url);
    assert.deepEqual(seen, {missing: 404, conflict: 409, ids: ['x/y z', 'ü'], info: 2});
  });
  test('a live sync of its IndexedDB, both ways', async () => {
    const url = await database(server);
    const there = new PouchDB(url);
    await there.bulkDocs(Array.from({length: 120}, (_, i) => ({_id: `its${i}`, i})));
    await chromium.open(allowed + '/');
    await chromium.run(async where => {
      window.db = new window.PouchDB('vault');
      window.faults = [];
      window.sync = window.db.sync(where, {live: true, retry: true}).on('error', fault => window.faults.push(fault))
        .on('denied', fault => window.faults.push(fault));
      await window.db.bulkDocs(Array.from({length: 80}, (_, i) => ({_id: `mine${i}`, i})));
    }, url);
    await until(async () => (await there.info()).doc_count === 200, 'a push');
    await until(() => chromium.run(async () => (await window.db.info()).doc_count === 200), 'a pull');
    await there.put({_id: 'later'});
    await until(() => chromium.run(async () => (await window.db.get('later'))._id), 'a change');
    const faults = await chromium.run(async () => {
      window.sync.cancel();
      return window.faults;
    });
    assert.deepEqual(faults, []);
  });
  test('a page of another origin may not', async () => {
    const url = await database(server);
    await chromium.open(stranger + '/');
    const seen = await chromium.run(where => new window.PouchDB(where, {skip_setup: true}).info().then(() => 'read', () => 'refused'), url);
    assert.equal(seen, 'refused');
    const wrote = await chromium.run(where => new window.PouchDB(where, {skip_setup: true}).put({_id: 'a'}).then(() => 'written', () => 'refused'), url);
    assert.equal(wrote, 'refused');
    assert.equal((await ask(`${url}/a`)).status, 404);
  });
});
