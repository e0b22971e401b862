// A client that behaves as Obsidian LiveSync describes itself: a vault's files as documents that name chunks (`h:…`), a
// milestone among the local documents, and a check of the server's settings before all.
import assert from 'node:assert/strict';
import {createHash, randomBytes} from 'node:crypto';
import {before, describe, test} from 'node:test';
import {pouchdb} from './packages.mjs';
import {ask, database, fresh_name, node, reference, until, within} from './stage.mjs';
import {all_equal} from './equality.mjs';

const PouchDB = pouchdb();

const milestone_id = '_local/obsydian_livesync_milestone';
const chunk_size = 100000;

const text = size => randomBytes(size * 3 / 4).toString('base64').slice(0, size);

/// One device: its own database of the vault, and the server's.
class Device {
  constructor(name, url) {
    this.name = name;
    this.local = new PouchDB(fresh_name(), {adapter: 'memory', revs_limit: 100});
    this.remote = new PouchDB(url, {skip_setup: true, adapter: 'http'});
    this.faults = [];
  }

  /// Takes part only where the vault is not locked against it, and enters itself.
  async take_part() {
    const mine = {min: 0, max: 2400, current: 2};
    const milestone = await this.remote.get(milestone_id).catch(fault => {
      assert.equal(fault.status, 404);
      return {_id: milestone_id, type: 'milestoneinfo', created: Date.now(), locked: false, accepted_nodes: [], node_chunk_info: {}};
    });
    if (milestone.locked && !milestone.accepted_nodes.includes(this.name)) return false;
    milestone.node_chunk_info[this.name] = mine;
    if (!milestone.accepted_nodes.includes(this.name)) milestone.accepted_nodes.push(this.name);
    await this.remote.put(milestone);
    return true;
  }

  async write(path, content) {
    const chunks = [];
    for (let at = 0; at < content.length; at += chunk_size) {
      const data = content.slice(at, at + chunk_size);
      chunks.push({_id: 'h:' + createHash('sha1').update(data).digest('hex').slice(0, 14), type: 'leaf', data});
    }
    const known = await this.local.allDocs({keys: chunks.map(chunk => chunk._id)});
    await this.local.bulkDocs(chunks.filter((_, i) => known.rows[i].error));
    const old = await this.local.get(path).catch(() => ({ctime: Date.now()}));
    await this.local.put({...old, _id: path, path, type: 'plain', mtime: Date.now(), size: content.length, eden: {}, children: chunks.map(chunk => chunk._id)});
  }

  /// A file's content. Chunks that are not here are asked from the server, many in one request.
  async read(path, options = {}) {
    const {children} = await this.local.get(path, options);
    const here = await this.local.allDocs({keys: children, include_docs: true});
    const missing = here.rows.filter(row => !row.doc).map(row => row.key);
    const there = missing.length ? (await this.remote.allDocs({keys: missing, include_docs: true})).rows : [];
    if (there.length) await this.local.bulkDocs(there.map(row => row.doc), {new_edits: false});
    const chunks = new Map([...here.rows, ...there].filter(row => row.doc).map(row => [row.doc._id, row.doc.data]));
    return children.map(id => chunks.get(id)).join('');
  }

  sync(pull = {}) {
    this.live = this.local.sync(this.remote, {
      live: true, retry: true, heartbeat: 3000, batch_size: 50, batches_limit: 40, back_off_function: () => 200,
      pull: {checkpoint: 'target', ...pull}, push: {checkpoint: 'source'},
    }).on('error', fault => this.faults.push(fault)).on('denied', fault => this.faults.push(fault));
  }

  async pause() {
    const complete = new Promise(done => this.live.on('complete', done));
    this.live.cancel();
    await within(complete, 'the sync to end');
  }
}

describe('a client as Obsidian LiveSync', {concurrency: 4}, () => {
  let server;
  before(async () => {
    server = await node('node', ['--cors-origins', 'app://obsidian.md,capacitor://localhost,http://localhost']);
  });

  test('the check of the server\'s settings finds what it looks for', {skip: reference && 'needs a node'}, async () => {
    const {status, body} = await ask(`${server.url}/_node/_local/_config`, 'GET', undefined, {origin: 'app://obsidian.md'});
    assert.equal(status, 200);
    assert.equal(body.chttpd.enable_cors, 'true');
    assert.equal(body.cors.credentials, 'true');
    for (const origin of ['app://obsidian.md', 'capacitor://localhost', 'http://localhost']) assert.ok(body.cors.origins.split(',').includes(origin));
    assert.ok(Number(body.couchdb.max_document_size) >= 1000000);
    assert.ok(Number(body.chttpd.max_http_request_size) >= 1000000);
    const refused = await ask(`${server.url}/_node/_local/_config/chttpd/require_valid_user`, 'PUT', '"true"');
    assert.equal(refused.status, 405);
    assert.match(refused.body.reason, /./);
  });
  test('its origin may send credentials', {skip: reference && 'needs a node'}, async () => {
    const {headers} = await ask(server.url, 'GET', undefined, {origin: 'app://obsidian.md', authorization: 'Basic ' + btoa('a:b')});
    assert.equal(headers.get('access-control-allow-origin'), 'app://obsidian.md');
    assert.equal(headers.get('access-control-allow-credentials'), 'true');
  });
  test('the milestone is kept by many devices, one edit after the other', async () => {
    const url = await database(server);
    const devices = Array.from({length: 8}, (_, i) => new Device(`device${i}`, url));
    await Promise.all(devices.map(device => until(() => device.take_part(), `${device.name} to be entered`)));
    const milestone = await devices[0].remote.get(milestone_id);
    assert.deepEqual(milestone.accepted_nodes.toSorted(), devices.map(device => device.name));
    await devices[0].remote.put({...milestone, locked: true});
    assert.equal(await new Device('stranger', url).take_part(), false);
    assert.equal(await devices[1].take_part(), true);
  });
  test('files of many chunks reach another device, whole', async () => {
    const url = await database(server);
    const [one, two] = [new Device('one', url), new Device('two', url)];
    const files = Object.fromEntries(Array.from({length: 6}, (_, i) => [`notes/${i}.md`, text(chunk_size * (i + 1) + 17)]));
    for (const [path, content] of Object.entries(files)) await one.write(path, content);
    one.sync();
    two.sync();
    await until(async () => (await two.local.info()).doc_count === (await one.local.info()).doc_count, 'all documents');
    for (const [path, content] of Object.entries(files)) assert.equal(await two.read(path), content);
    await two.write('notes/0.md', files['notes/0.md'] + 'more');
    await until(async () => await one.read('notes/0.md') === files['notes/0.md'] + 'more', 'an edit');
    await Promise.all([one.pause(), two.pause()]);
    await all_equal([one.local, two.local, one.remote]);
    assert.deepEqual([one.faults, two.faults], [[], []]);
  });
  test('chunks are fetched on demand where only files are pulled', {skip: reference && 'knows no selector'}, async () => {
    const url = await database(server);
    const [one, two] = [new Device('one', url), new Device('two', url)];
    const content = text(chunk_size * 30);
    await one.write('big.md', content);
    await one.local.replicate.to(one.remote, {batch_size: 50});
    two.sync({selector: {type: {$ne: 'leaf'}}});
    await until(() => two.local.get('big.md'), 'the file');
    assert.equal((await two.local.info()).doc_count, 1);
    assert.equal(await two.read('big.md'), content);
    await two.pause();
    assert.deepEqual(two.faults, []);
  });
  test('edits of one file on two devices are a conflict that has its common ancestor', async () => {
    const url = await database(server);
    const [one, two] = [new Device('one', url), new Device('two', url)];
    await one.write('note.md', 'first');
    await one.local.sync(one.remote);
    await two.local.sync(two.remote);
    await one.write('note.md', 'first, and one');
    await two.write('note.md', 'first, and two');
    await one.local.sync(one.remote);
    await two.local.sync(two.remote);
    const {_conflicts: [loser], _rev, _revs_info} = await two.local.get('note.md', {conflicts: true, revs_info: true});
    const ancestor = _revs_info.find(info => info.status === 'available' && info.rev.startsWith('1-')).rev;
    const contents = await Promise.all([ancestor, _rev, loser].map(rev => two.read('note.md', {rev})));
    assert.deepEqual(contents.toSorted(), ['first', 'first, and one', 'first, and two']);
    await two.local.remove('note.md', loser);
    await two.local.sync(two.remote);
    await one.local.sync(one.remote);
    assert.equal((await one.local.get('note.md', {conflicts: true}))._conflicts, undefined);
  });
  test('the server\'s database is rebuilt from a device, and others go on', async () => {
    const url = await database(server);
    const [one, two] = [new Device('one', url), new Device('two', url)];
    await one.write('note.md', text(chunk_size * 3));
    two.sync();
    await one.local.sync(one.remote);
    await until(() => two.local.get('note.md'), 'the file');
    await ask(url, 'DELETE');
    await ask(url, 'PUT');
    await one.write('after.md', 'written after');
    await one.local.replicate.to(one.remote);
    await until(() => two.local.get('after.md'), 'a file of the new database');
    await until(async () => (await one.remote.info()).doc_count === (await one.local.info()).doc_count, 'all of the device\'s documents');
    await two.pause();
    await all_equal([one.local, one.remote]);
  });
});
