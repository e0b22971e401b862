// What the tests of clients stand on: nodes of their own on loopback, temporary folders, and waiting with a deadline.
import {spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after} from 'node:test';

export const patience = 60000; // ms for anything to come: a machine that is busy with other tests needs some of them

const binary = process.env.TREADMILL_BINARY;
/// The URL of another server of CouchDB's protocol, to check the tests themselves against it.
export const reference = process.env.TREADMILL_COUCH_REFERENCE;

export const wait = time => new Promise(done => setTimeout(done, time));

const endings = [];

/// Called after the tests of a file, newest first; a script that is no test calls end_all() itself.
export const at_end = ending => endings.push(ending);

export async function end_all() {
  for (const ending of endings.splice(0).reverse()) await ending();
}

// A hook that begins inside of another one would run at its end.
if (process.argv[1].endsWith('.test.mjs')) after(end_all);

/// Looks until there is something, and gives that. Fails after a while, with what the last look threw.
export async function until(look, what, limit = patience) {
  const end = Date.now() + limit;
  for (;;) {
    let problem;
    try {
      const found = await look();
      if (found) return found;
    } catch (fault) {
      problem = fault;
    }
    if (Date.now() > end) throw new Error(`waited in vain for ${what}` + (problem ? `: ${problem.message}` : ''), {cause: problem});
    await wait(20);
  }
}

/// Fails where `promise` has not settled in time: a client that hangs shall name the test that it hangs in.
export function within(promise, what, limit = patience) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited in vain for ${what}`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/// A temporary folder, gone after the tests of the file.
export function temporary_folder() {
  const folder = mkdtempSync(join(tmpdir(), 'treadmill-clients-'));
  at_end(() => rmSync(folder, {recursive: true, force: true}));
  return folder;
}

/// Sends one request and gives {status, headers, body}: body is parsed where it is JSON.
export async function ask(url, method = 'GET', body = undefined, headers = {}) {
  const is_json = body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array);
  const answer = await fetch(url, {
    method, body: is_json ? JSON.stringify(body) : body,
    headers: {accept: 'application/json', ...(is_json ? {'content-type': 'application/json'} : {}), ...headers},
  });
  const text = await answer.text();
  let parsed = text;
  try {
    parsed = JSON.parse(text);
  } catch { /* not JSON */ }
  return {status: answer.status, headers: answer.headers, body: parsed};
}

/// A node of its own folder, on loopback. `url` is where it speaks CouchDB's dialect, `rest` where its own.
class Node {
  constructor(folder, name, settings) {
    this.folder = folder;
    this.name = name;
    this.settings = settings;
    this.http = '127.0.0.1:0';
    this.couch = '127.0.0.1:0';
    this.zmq = 'tcp://127.0.0.1:0';
  }

  get url() { return `http://${this.couch}`; }
  get rest() { return `http://${this.http}`; }
  get pid() { return this.process.pid; }

  async start() {
    const log = join(this.folder, this.name + '.log');
    writeFileSync(log, '');
    // The kernel ends the node with this process, however that ends.
    this.process = spawn('setpriv', ['--pdeathsig', 'KILL', binary, 'serve', '--name', this.name, '--data', join(this.folder, this.name),
      '--http', this.http, '--couch', this.couch, '--zmq', this.zmq, '--free-disk-floor', '0', '--log-file', log, ...this.settings],
    {stdio: 'ignore'});
    this.ended = new Promise(done => this.process.on('exit', (code, signal) => done({code, signal})));
    const ready = await until(() => {
      if (this.process.exitCode !== null) throw new Error(readFileSync(log, 'utf8'));
      return / ready .*/.exec(readFileSync(log, 'utf8'))?.[0];
    }, `${this.name} to start`);
    this.http = / http=([0-9.:]+)/.exec(ready)[1];
    this.couch = / couch=([0-9.:]+)/.exec(ready)[1];
    this.zmq = / zmq=(\S+)/.exec(ready)[1];
  }

  /// Ends at once, as in a crash. `start()` starts it again, with the same addresses and data.
  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  /// Ends as an operator ends it, and must end cleanly.
  async stop() {
    this.process.kill('SIGTERM');
    const {code, signal} = await within(this.ended, `${this.name} to end`);
    if (code !== 0) throw new Error(`${this.name} ended with ${code ?? signal}`);
  }

  memory_kib() {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))[1]);
  }

  async is_live_with(peer) {
    const {body} = await ask(`${this.rest}/_system/peers`);
    return body.peers.some(known => known.name === peer.name && known.state === 'live');
  }
}

/// Starts a node. After the tests of the file it must end cleanly.
export async function node(name = 'node', settings = []) {
  if (reference) return {name, url: reference};
  const made = new Node(temporary_folder(), name, settings);
  await made.start();
  at_end(() => made.process.exitCode === null && made.process.signalCode === null ? made.stop() : undefined);
  return made;
}

export async function federate(one, other) {
  const {status, body} = await ask(`${one.rest}/_system/peers`, 'POST', {zmq_uri: other.zmq});
  if (status >= 300) throw new Error(`peers: ${status} ${JSON.stringify(body)}`);
  await until(() => one.is_live_with(other), `${one.name} to be live with ${other.name}`);
  await until(() => other.is_live_with(one), `${other.name} to be live with ${one.name}`);
}

let databases = 0;
/// A name that no other test of this run has.
export const fresh_name = () => `db${process.pid}_${++databases}`;

/// Makes an empty database and gives its URL.
export async function database(server) {
  const url = `${server.url}/${fresh_name()}`;
  const {status, body} = await ask(url, 'PUT');
  if (status !== 201) throw new Error(`PUT ${url}: ${status} ${JSON.stringify(body)}`);
  return url;
}
