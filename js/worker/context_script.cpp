#include "js/worker/context_script.hpp"

namespace treadmill::js {

const std::string_view context_script = R"js((function () {
'use strict';
const { ownKeys, getOwnPropertyDescriptor, getPrototypeOf, defineProperty, construct } = Reflect;
const { freeze } = Object;

// What stays of the global object; whatever else an engine brings goes.
const kept = new Set([
  'Infinity', 'NaN', 'undefined', 'globalThis', 'emit',
  'eval', 'isFinite', 'isNaN', 'parseFloat', 'parseInt',
  'decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'escape', 'unescape',
  'Object', 'Function', 'Boolean', 'Symbol', 'Number', 'BigInt', 'Math', 'Date', 'String', 'RegExp',
  'Error', 'AggregateError', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError',
  'URIError', 'Array', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array',
  'Int32Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array', 'Float32Array', 'Float64Array',
  'ArrayBuffer', 'DataView', 'Map', 'Set', 'WeakMap', 'WeakSet', 'JSON', 'Promise', 'Proxy', 'Reflect']);
for (const name of ownKeys(globalThis)) if (!kept.has(name)) delete globalThis[name];

const hidden = (object, name, value) =>
  defineProperty(object, name, { value, writable: true, enumerable: false, configurable: true });
const refuse = (object, name, what) => hidden(object, name, {
  [name]() { throw new TypeError(`${what} is not reproducible`); } }[name]);

refuse(Math, 'random', 'Math.random');

const RealDate = Date;
const ReproducibleDate = function Date(...parts) {
  if (new.target === undefined) throw new TypeError('Date() is not reproducible');
  if (parts.length === 0) throw new TypeError('new Date() is not reproducible');
  return construct(RealDate, parts, new.target);
};
for (const name of ownKeys(RealDate)) {
  defineProperty(ReproducibleDate, name, getOwnPropertyDescriptor(RealDate, name));
}
refuse(ReproducibleDate, 'now', 'Date.now');
hidden(RealDate.prototype, 'constructor', ReproducibleDate);
hidden(globalThis, 'Date', ReproducibleDate);

// Frames of a stack tell how the engine compiled a function.
delete Error.captureStackTrace;
delete Error.prepareStackTrace;
Error.stackTraceLimit = 0;

// The legacy properties of RegExp ($1, lastMatch, ...) tell of the document before.
const regexp = new Set(['length', 'name', 'prototype', Symbol.species]);
for (const name of ownKeys(RegExp)) if (!regexp.has(name)) delete RegExp[name];

// All that can be reached, from the global object and from what only syntax reaches.
const generator = function* () {};
const asyncGenerator = async function* () {};
const iterator = (object) => object[Symbol.iterator]();
const roots = [
  globalThis, generator, asyncGenerator, generator(), asyncGenerator(), async () => {}, iterator([]),
  iterator(new Map()), iterator(new Set()), iterator(''), ''.matchAll(/./g), new RealDate(0),
  Object.getOwnPropertyDescriptor((function () { return arguments; })(), 'callee').get];
const seen = new Set();
const add = (value) => {
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') seen.add(value);
};
for (const root of roots) add(root);
for (const object of seen) {
  for (const name of ownKeys(object)) {
    if (typeof name === 'string' && (name.startsWith('toLocale') || name === 'localeCompare')) {
      refuse(object, name, name);
    }
    const property = getOwnPropertyDescriptor(object, name);
    add(property.value);
    add(property.get);
    add(property.set);
  }
  add(getPrototypeOf(object));
}

// With a frozen Object.prototype, counts["constructor"] = 1 would throw: an assignment through an
// accessor makes a property of the object, as it does where nothing is frozen.
for (const name of ownKeys(Object.prototype)) {
  const { value, get } = getOwnPropertyDescriptor(Object.prototype, name);
  if (get !== undefined) continue;
  const access = {
    get [name]() { return value; },
    set [name](own) {
      if (this === Object.prototype ||
          !defineProperty(this, name, { value: own, writable: true, enumerable: true, configurable: true })) {
        throw new TypeError(`cannot assign to ${name}`);
      }
    } };
  const { get: read, set: write } = getOwnPropertyDescriptor(access, name);
  defineProperty(Object.prototype, name, { get: read, set: write, enumerable: false, configurable: false });
  seen.add(read);
  seen.add(write);
}

for (const object of seen) freeze(object);
}))js";

const std::string_view warm_up_script = R"js((function () {
  const day = new Date('2020-02-29 12:34:56');
  return [
    String(day), day.toLocaleString(), Date.parse('Feb 29, 2020 1:00 PM'), day.getTimezoneOffset(),
    '\u00df\u0130\u01c5'.toUpperCase().toLowerCase().normalize('NFD').normalize('NFKC'),
    /\p{Script=Greek}\p{Lu}/u.test('\u03b1\u0391'), /\u017f/iu.test('S'), 'b'.localeCompare('a'),
    (1e21).toString(36), (0.1).toFixed(20), Number('1e-400'), Math.sin(1e9), Math.pow(2, 0.5),
    2n ** 500n, JSON.stringify({ a: [1.5, '\ud800'] }), [3, 1, 2].sort(), 'a-b'.split(/-/),
  ].length;
})())js";

} // namespace treadmill::js
