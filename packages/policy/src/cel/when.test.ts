import { describe, expect, test } from 'vitest';
import type { DeviceFacts, Facts } from '../facts.ts';
import { type PolicyProblem, Problems } from '../problems.ts';
import type { Truth } from '../truth.ts';
import { bare, device, facts, nowMs, stranger, viewOf } from './testing/facts.ts';
import { compileWhen, type When } from './when.ts';

/** The compiled expression, or what is wrong with it. */
function compiled(text: string): When | string {
  const problems = new Problems();
  const when = compileWhen(text, { field: '/when', problems });
  return when ?? messageOf(problems);
}

function messageOf(problems: Problems): string {
  try {
    problems.throwIfAny();
  } catch (error) {
    return (error as { problems: readonly PolicyProblem[] }).problems[0]?.message ?? '';
  }
  return '';
}

function ask(text: string, given: Facts = facts): Truth {
  const when = compiled(text);
  if (typeof when === 'string') throw new Error(when);
  return when.holds(viewOf(given));
}

describe('when', () => {
  test.each([
    'request.method == "GET" && request.host == "app.corp.example"',
    'request.path.startsWith("/api/") && !request.path.endsWith("/")',
    'request.path.matches("^/api/reports/[0-9]+$")',
    'source.address == "10.1.2.3" && source.inNetwork("10.0.0.0/8")',
    '!source.inNetwork("::/0")',
    'user.id == "usr_1" && user.email.lowerAscii() == "ada@corp.example"',
    '"eng" in user.groups && user.groups.size() == 3',
    'user.groups.exists(g, g.startsWith("eng-"))',
    'user.groups.filter(g, g.contains("eng")).size() == 2',
    'user.groups.map(g, size(g)) == [3, 8, 5]',
    'user.groups[0] == "eng"',
    'user.employment.class == "contractor"',
    'user.employment.endsAt - now == duration("24h")',
    'device.known && device.managed && device.ownedByUser && device.id == "dev_1"',
    'device.certificateNotAfter > now && device.certificateNotBefore < now',
    'device.postureIs("disk-encrypted") && device.hasPosture("os")',
    'device.postureNumber("os-version") >= 14 && device.postureText("os") in ["macos", "linux"]',
    'device.postureAge("os") == duration("1m")',
    'session.age == duration("10m") && session.authenticatedAt + session.age == now',
    '"hwk" in session.amr && session.expiresAt > now',
    'place.country in ["AT", "DE"] && place.asn == 3320',
    'place.region == "Bavaria" && place.egress == "" && !(place.egress in ["office"])',
    'risk.score < 50 && !("impossible-travel" in risk.signals)',
    'now == timestamp("2026-01-07T12:00:00Z")',
    'now.getHours() == 12 && now.getHours("Europe/Berlin") == 13 && now.getDayOfWeek() == 3',
    'request.method == "GET" ? device.managed : false',
    '!has(service.name)',
  ])('%s', (text) => {
    expect(ask(text)).toBe('true');
  });

  test('without a session, what only a session could tell is pending', () => {
    expect(ask('user.email == "a@corp.example"', stranger)).toBe('pending');
    expect(ask('"eng" in user.groups', stranger)).toBe('pending');
    expect(ask('session.age < duration("1h")', stranger)).toBe('pending');
    expect(ask('device.ownedByUser', stranger)).toBe('pending');
    expect(ask('has(user.email)', stranger)).toBe('pending');
    expect(ask('device.managed', stranger)).toBe('true');
  });

  test('what decides alone is not held up by what is pending', () => {
    expect(ask('user.id == "x" && request.method == "POST"', stranger)).toBe('false');
    expect(ask('user.id == "x" || request.method == "GET"', stranger)).toBe('true');
    expect(ask('user.id == "x" && request.method == "GET"', stranger)).toBe('pending');
  });

  test('what is missing is unknown, and signing in would not help', () => {
    expect(ask('place.country == "DE"', bare)).toBe('unknown');
    expect(ask('place.region == "Bavaria"', bare)).toBe('unknown');
    expect(ask('place.egress == ""', bare)).toBe('unknown');
    expect(ask('risk.score < 50', bare)).toBe('unknown');
    expect(ask('device.id == "dev_1"', bare)).toBe('unknown');
    expect(ask('device.postureIs("disk-encrypted")', bare)).toBe('unknown');
    expect(ask('device.postureIs("no-such-fact")')).toBe('unknown');
    expect(ask('device.postureIs("os")')).toBe('unknown');
    expect(ask('place.country == user.id', { ...stranger, place: null })).toBe('unknown');
    expect(ask('service.name == "ci"')).toBe('unknown');
    expect(ask('has(place.country) && place.country == "DE"', bare)).toBe('false');
  });

  test('a request from no device is not managed and not owned', () => {
    const nowhere: Facts = { ...bare, session: { kind: 'none' } };
    expect(ask('device.known || device.managed || device.ownedByUser', nowhere)).toBe('false');
  });

  test('a device that stands for a service has its name', () => {
    const given: Facts = { ...stranger, device: { ...device, id: 'dev_ci' } as DeviceFacts };
    expect(ask('service.name == "ci"', given)).toBe('true');
  });

  test('what has no value is unknown, and is never thrown', () => {
    expect(ask('1 / (user.groups.size() - 3) == 1')).toBe('unknown');
    expect(ask('1 % (user.groups.size() - 3) == 1')).toBe('unknown');
    expect(ask('user.groups[3] == "eng"')).toBe('unknown');
    expect(ask('user.groups[0 - 1] == "eng"')).toBe('unknown');
    expect(ask('place.asn * 9007199254740991 > 0')).toBe('unknown');
    expect(ask('now + duration("100000h") + duration("2500000h") > now')).toBe('true');
  });

  test('a number that is none is unknown, and one that was computed is in no order', () => {
    const given = (score: number): Facts => ({
      ...facts,
      risk: { score, signals: [], untilMs: null },
    });
    expect(ask('risk.score < 50', given(Number.NaN))).toBe('unknown');
    expect(ask('risk.score < 50', given(Number.POSITIVE_INFINITY))).toBe('unknown');
    expect(ask('(risk.score - risk.score) / 0.0 < 1.0 || 1.0 <= 0.0 / 0.0')).toBe('false');
    expect(ask('now > timestamp("2020-01-01T00:00:00Z")', { ...facts, nowMs: Number.NaN })).toBe(
      'unknown',
    );
  });

  test('facts of another shape are unknown', () => {
    const odd = (over: object): Facts => ({ ...facts, ...over }) as Facts;
    expect(ask('place.country == "DE"', odd({ place: { country: 7 } }))).toBe('unknown');
    expect(ask('place.country == "DE"', odd({ place: undefined }))).toBe('unknown');
    expect(ask('place.country == "DE"', odd({ place: { country: 'x'.repeat(65_536) } }))).toBe(
      'unknown',
    );
    expect(
      ask('request.method == "GET"', odd({ request: { ...facts.request, method: null } })),
    ).toBe('unknown');
    expect(ask('device.hasPosture("os")', odd({ device: { ...device, posture: null } }))).toBe(
      'unknown',
    );
    const many = Array.from({ length: 1001 }, (_, at) => `g${at}`);
    expect(ask('"g1" in user.groups', odd({ user: { ...facts.user, groups: many } }))).toBe(
      'unknown',
    );
    const mixed = { ...facts.user, groups: [7, null, 'eng'] };
    expect(ask('user.groups.all(g, g != "ops")', odd({ user: mixed }))).toBe('unknown');
    expect(ask('user.groups.exists(g, g == "eng")', odd({ user: mixed }))).toBe('true');
  });

  test('tells what it looks at', () => {
    const when = compiled('device.ownedByUser && now < timestamp("2027-01-01T00:00:00Z")');
    if (typeof when === 'string') throw new Error(when);
    expect([...when.roots]).toEqual(['device', 'now']);
    expect(when.aboutUser).toBe(true);
    expect(when.changesAtMs?.(viewOf(facts))).toBe(nowMs + 60_000);
    const still = compiled('place.country == "DE" && request.method == "GET"');
    if (typeof still === 'string') throw new Error(still);
    expect(still.aboutUser).toBe(false);
    expect(still.changesAtMs).toBe(undefined);
    expect(still.missing(viewOf(bare))).toBe('place.country');
  });

  test.each<[string, number | null, number | undefined]>([
    ['risk.score < 50', nowMs + 5, nowMs + 5],
    ['"new-device" in risk.signals', nowMs + 5, nowMs + 5],
    ['risk.score < 50', null, Number.MAX_SAFE_INTEGER],
    ['risk.score < 50 && now.getHours() < 18', nowMs + 5, nowMs + 5],
    ['risk.score < 50 && now.getHours() < 18', nowMs + 60_001, nowMs + 60_000],
    ['now.getHours() < 18', nowMs + 5, nowMs + 60_000],
  ])('%s, with a risk until %s, may change at %d', (text, untilMs, expected) => {
    const when = compiled(text);
    if (typeof when === 'string') throw new Error(when);
    const risk = { score: 10, signals: [], untilMs };
    expect(when.changesAtMs?.(viewOf({ ...facts, risk }))).toBe(expected);
  });
});

describe('when is refused', () => {
  test.each([
    ['not a question', 'user.email', 'must come to true or false, not to a string'],
    [
      'another name',
      'user.mail == "a"',
      'line 1, column 6: there is no user.mail; there is user.id',
    ],
    ['another root', 'users == "a"', 'there is no users; there is request, source, user'],
    ['half a name', 'user == "a"', 'user is no value: name a part of it: user.id'],
    ['another type', 'user.email == 7', 'there is no string == int'],
    ['another type of list', '7 in user.groups', 'there is no int in list(string)'],
    ['a number for a question', 'device.managed && 1', '&& takes bool, and this is int'],
    ['another function', 'user.email.length() == 1', 'there is no string.length()'],
    ['what never ends', 'true &&\n  (user.email', 'line 2, column 14: Expected RPAREN'],
    ['a mixed list', 'user.id in ["a", 1]', 'has both string and int'],
    ['a zone that is none', 'now.getHours("Mars/One") == 1', 'there is no time zone Mars/One'],
    ['a network that is none', 'source.inNetwork("10.1.2.3/8")', 'needs a network such as'],
    ['an instant that is none', 'now < timestamp("tomorrow")', 'needs an RFC 3339 instant'],
    ['a duration that is none', 'session.age < duration("1d")', 'needs a duration such as'],
    ['a name twice', 'user.groups.exists(user, user == "a")', 'user already means something here'],
    ['null', 'user.employment.class == null', 'null, bytes and unsigned integers'],
    ['a map', '{"a": 1}.size() == 1', 'maps and optional values are not part'],
    ['dyn', 'dyn(user.id) == 1', 'there is no dyn(string)'],
  ])('%s', (_what, text, problem) => {
    expect(compiled(text)).toContain(problem);
  });

  test.each([
    'user.constructor == "a"',
    'user.__proto__ == "a"',
    'user.email.constructor == "a"',
    'user["constructor"] == "a"',
    'constructor == "a"',
    '__proto__ == "a"',
    '[].constructor == "a"',
    '"a".constructor("b")',
    'request.constructor("return 1")()',
    'toString() == "a"',
    'user.hasOwnProperty("id")',
    'device.postureIs.call("a")',
    '"x".__proto__.matches("x")',
  ])('a way out of the environment: %s', (text) => {
    expect(typeof compiled(text)).toBe('string');
  });

  const nested = (depth: number) =>
    `${'user.groups.exists(g_, '.repeat(depth)}true${')'.repeat(depth)}`.replaceAll(
      /g_/g,
      (_found: string, at: number) => `g${at}`,
    );

  test.each([
    ['text of 64 KiB', `"${'a'.repeat(65_536)}" == user.id`, 'is longer than 4096 characters'],
    ['a chain of 64 KiB', `true${' && true'.repeat(8192)}`, 'is longer than 4096 characters'],
    ['parentheses 100 deep', `${'('.repeat(100)}true${')'.repeat(100)}`, 'maxDepth'],
    ['lists 100 deep', `${'['.repeat(100)}1${']'.repeat(100)} == []`, 'maxDepth'],
    ['! 4,000 times', `${'!'.repeat(4000)}true`, 'maxAstNodes'],
    ['! 100 times', `${'!'.repeat(100)}true`, 'is nested deeper than 40'],
    ['a sum 1,000 long', `${'1+'.repeat(1000)}1 == 1`, 'maxAstNodes'],
    ['a sum 100 long', `${'1+'.repeat(100)}1 == 1`, 'is nested deeper than 40'],
    ['a list of 1,000', `1 in [${'1,'.repeat(1000)}]`, 'maxListElements'],
    ['a huge integer', `place.asn < ${'9'.repeat(4000)}`, 'is an integer beyond 2^53'],
    ['a huge double', `risk.score < ${'9'.repeat(4000)}.0`, 'Invalid number'],
    ['three loops over groups', nested(3), 'steps, and 10000 is the most'],
    ['two loops over groups', nested(2), 'steps, and 10000 is the most'],
    [
      'a string that doubles',
      `[user.email]${'abcdefghijkl'
        .split('')
        .map((x) => `.map(${x}, ${x} + ${x})`)
        .join('')}.size() == 1`,
      'characters long',
    ],
    [
      'a search at every place',
      `request.path.contains("${'a'.repeat(2000)}")`,
      'steps, and 10000 is the most',
    ],
    ['an exponential pattern by name', 'request.path.matches(user.email)', 'must be a literal'],
    [
      'a pattern that is none',
      'request.path.matches("(")',
      "not a regular expression in RE2's syntax",
    ],
    [
      'a pattern that is too large',
      'request.path.matches("(a{10}){100}")',
      'the pattern is too large',
    ],
  ])('%s', (_what, text, problem) => {
    expect(compiled(text)).toContain(problem);
  });

  test('an expression at its bounds is evaluated all the same', () => {
    const long = Array.from({ length: 150 }, (_, at) => `user.id != "user-${at}"`).join(' && ');
    expect(ask(long)).toBe('true');
    expect(ask(`${'('.repeat(30)}device.managed${')'.repeat(30)}`)).toBe('true');
    const path = `/${'a'.repeat(8191)}`;
    const given: Facts = { ...facts, request: { ...facts.request, path } };
    expect(ask('request.path.matches("a{50}$")', given)).toBe('unknown');
    expect(ask('request.path.matches("a$")', given)).toBe('true');
  });
});
