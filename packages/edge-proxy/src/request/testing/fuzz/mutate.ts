import type { Dice } from '@sallyport/shared/sync/simulation/random';

/** No text grows beyond this: limits are met far below it. */
const lengthMax = 40_000;

/** Pieces on which parsers part ways. */
const pieces = [
  ...['\r\n', '\n', '\r', '\r\n\r\n', '\0', '\t', '\v', '\x7f', '\x80', '\xa0', '\xff', ' ', '  '],
  ...[':', ';', ',', '=', '"', '\\', '/', '//', '.', '..', '/../', '/./', '?', '#', '%', '*', '@'],
  ...['%2e', '%2E%2e', '%2f', '%5C', '%3b', '%00', '%0d%0a', '%25', '%252e', '%c0%ae', '%u002e'],
  ...['HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0', 'chunked', 'identity', '0\r\n\r\n', '5\r\nhello\r\n'],
  ...['GET ', 'POST ', 'HEAD ', 'CONNECT ', 'OPTIONS ', 'TRACE ', 'http://', 'https://'],
  ...['Host: pub.corp.test\r\n', 'Host: admin.corp.test\r\n', 'Host:\r\n', 'Host : x\r\n'],
  ...['Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'Content_Length: 5\r\n'],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip\r\n', 'TE: trailers\r\n'],
  ...['Connection: close\r\n', 'Connection: Host, Sallyport-Request-Id\r\n', 'Upgrade: h2c\r\n'],
  ...['Sallyport-Assertion: forged\r\n', 'sallyport_assertion: forged\r\n', 'Expect: x\r\n'],
  ...['Expect: 100-continue\r\n', 'X-Forwarded-For: 6.6.6.6\r\n', 'Trailer: Host\r\n'],
  ...[
    '__Host-sallyport=',
    '__HOST-SALLYPORT-x=',
    '; ',
    '__proto__',
    'xn--',
    '::$DATA',
    '\u{1F511}',
  ],
];

type Change = (text: string, dice: Dice, others: readonly string[]) => string;

const changes: readonly Change[] = [
  (text, dice) => {
    const at = dice.int(0, Math.max(0, text.length - 1));
    const changed = (text.charCodeAt(at) || 0) ^ (1 << dice.int(0, 7));
    return text.slice(0, at) + String.fromCharCode(changed & 0xff) + text.slice(at + 1);
  },
  (text, dice) => {
    const at = dice.int(0, text.length);
    return text.slice(0, at) + dice.pick(pieces) + text.slice(at);
  },
  (text, dice) => {
    const [from, to] = range(text, dice);
    return text.slice(0, from) + dice.pick(pieces) + text.slice(to);
  },
  (text, dice) => {
    const [from, to] = range(text, dice);
    return text.slice(0, from) + text.slice(to);
  },
  (text, dice) => {
    const [from, to] = range(text, dice);
    const times = dice.chance(0.1) ? dice.int(20, 200) : 2;
    return text.slice(0, from) + text.slice(from, to).repeat(times) + text.slice(to);
  },
  (text, dice) => {
    const [from, to] = range(text, dice);
    const part = text.slice(from, to);
    const other = dice.chance(0.5) ? part.toUpperCase() : part.toLowerCase();
    return text.slice(0, from) + other + text.slice(to);
  },
  (text, dice, others) => {
    const other = dice.pick(others);
    return text.slice(0, dice.int(0, text.length)) + other.slice(dice.int(0, other.length));
  },
  (text, dice) => {
    const lines = text.split('\r\n');
    const from = dice.int(0, lines.length - 1);
    const [line = ''] = lines.splice(from, 1);
    lines.splice(dice.int(0, lines.length), 0, line);
    return lines.join('\r\n');
  },
];

/** One of the texts after a few changes by somebody who does not know what they mean. */
export function mutate(of: readonly string[], dice: Dice): string {
  let text = dice.pick(of);
  for (let left = dice.int(1, 4); left > 0; left -= 1) {
    text = dice.pick(changes)(text, dice, of).slice(0, lengthMax);
  }
  return text;
}

/** A part of the text; short ones come more often. */
function range(text: string, dice: Dice): readonly [number, number] {
  const from = dice.int(0, text.length);
  const length = dice.chance(0.8) ? dice.int(0, 12) : dice.int(0, text.length);
  return [from, Math.min(text.length, from + length)];
}
