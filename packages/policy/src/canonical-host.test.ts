import { describe, expect, test } from 'vitest';
import { canonicalHost, parseHostPattern } from './canonical-host.ts';

const label = 'a'.repeat(63);

describe('the canonical host', () => {
  test.each([
    ['app.corp.test', 'app.corp.test'],
    ['APP.Corp.TEST', 'app.corp.test'],
    ['app.corp.test.', 'app.corp.test'],
    ['localhost', 'localhost'],
    ['xn--bcher-kva.test', 'xn--bcher-kva.test'],
    ['1.2.3.4.in-addr', '1.2.3.4.in-addr'],
    [
      `${label}.${label}.${label}.${'a'.repeat(61)}`,
      `${label}.${label}.${label}.${'a'.repeat(61)}`,
    ],
  ])('%s becomes %s', (raw, host) => {
    expect(canonicalHost(raw)).toBe(host);
    expect(canonicalHost(host)).toBe(host);
  });

  test.each([
    ['nothing', ''],
    ['a dot', '.'],
    ['two dots at the end', 'app.corp.test..'],
    ['an empty label', 'app..test'],
    ['a dot in front', '.corp.test'],
    ['a port', 'app.corp.test:443'],
    ['two hosts', 'app.corp.test,b.test'],
    ['user information', 'app@corp.test'],
    ['a path', 'app.corp.test/x'],
    ['a blank', 'app.corp.test '],
    ['NUL', 'app\u0000.corp.test'],
    ['an underscore', 'a_b.corp.test'],
    ['a star', '*.corp.test'],
    ['a hyphen in front', '-a.corp.test'],
    ['a hyphen at the end', 'a-.corp.test'],
    ['a label of 64', `${label}a.test`],
    ['254 characters', `${label}.${label}.${label}.${'a'.repeat(62)}`],
    ['the Kelvin sign', 'app.\u212aorp.test'],
    ['an ideographic full stop', 'a\u3002corp.test'],
    ['an IPv4 address', '127.0.0.1'],
    ['an IPv4 address with a dot', '127.0.0.1.'],
    ['a short IPv4 address', '127.1'],
    ['a decimal IPv4 address', '2130706433'],
    ['a hexadecimal IPv4 address', '0x7f.0.0.0x1'],
    ['an IPv6 address', '[::1]'],
  ])('%s is none', (_what, raw) => {
    expect(canonicalHost(raw)).toBeNull();
  });
});

describe('the host of a route', () => {
  test('is a name, or a star for one label and a name', () => {
    expect(parseHostPattern('a.test')).toEqual({ kind: 'exact', host: 'a.test' });
    expect(parseHostPattern('*.a.test')).toEqual({ kind: 'wildcard', suffix: 'a.test' });
  });

  test.each(['', '*', '*.', '*a.test', 'a.*.test', '*.*.test', 'A.test', 'a.test.', '**.test'])(
    '%s is none',
    (text) => {
      expect(parseHostPattern(text)).toBeNull();
    },
  );
});
