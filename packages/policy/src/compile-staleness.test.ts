import { describe, expect, test } from 'vitest';
import {
  compile,
  durationMs,
  longestDenyMs,
  PolicyCompileError,
  type PolicySet,
  type StalenessBudgets,
} from './index.ts';

/** What is wrong with budgets of the settings and of a route, as `field message`. */
function problemsOf(ofRoute: unknown, ofSettings?: unknown): readonly string[] {
  const route = {
    name: 'app',
    matches: [{ host: 'a.test', path: '/**', methods: null }],
    policies: [],
    ...(ofRoute === undefined ? {} : { staleness: ofRoute }),
  };
  const set = {
    version: 1,
    routes: [route],
    policies: [],
    globalPolicies: [],
    ...(ofSettings === undefined ? {} : { staleness: ofSettings }),
  };
  try {
    compile(set as unknown as PolicySet);
    return [];
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error;
    return error.problems.map(({ field, message }) => `${field} ${message}`);
  }
}

const at = '/routes/0/staleness';

describe('a staleness budget', () => {
  test.each<[string, unknown]>([
    ['a lane that is served without end', { revoke: 'serve' }],
    ['one threshold', { revoke: { denyAfter: '30m' } }],
    [
      'all thresholds',
      { signals: { stepUpAfter: '1s', denyNewSessionsAfter: '1m', denyAfter: '2h' } },
    ],
    ['a threshold that is never reached', { revoke: { stepUpAfter: 'serve', denyAfter: '7d' } }],
    ['an end before a default that it makes idle', { revoke: { denyAfter: '5m' } }],
    ['all lanes', { revoke: 'serve', signals: 'serve', config: 'serve', directory: 'serve' }],
  ])('may be %s', (_what, budgets) => {
    expect(problemsOf(budgets)).toEqual([]);
    expect(problemsOf(undefined, budgets)).toEqual([]);
  });

  const duration = 'must be a duration such as 90s, 15m or 12h, or the word serve';
  test.each<[string, unknown, string]>([
    ['a list', [], `${at} must be an object`],
    ['null', null, `${at} must be an object`],
    ['serve for everything at once', 'serve', `${at} must be an object`],
    ['nothing', {}, `${at} must not be empty`],
    ['an unknown lane', { revokes: 'serve' }, `${at}/revokes is not a known field`],
    [
      'another word',
      { revoke: 'never' },
      `${at}/revoke must be an object with thresholds, or the word serve`,
    ],
    [
      'a number',
      { revoke: 5 },
      `${at}/revoke must be an object with thresholds, or the word serve`,
    ],
    ['no threshold', { revoke: {} }, `${at}/revoke must not be empty; write serve for no end`],
    ['an unknown threshold', { revoke: { deny: '1h' } }, `${at}/revoke/deny is not a known field`],
    ['seconds as a number', { revoke: { denyAfter: 60 } }, `${at}/revoke/denyAfter ${duration}`],
    ['no unit', { revoke: { denyAfter: '60' } }, `${at}/revoke/denyAfter ${duration}`],
    ['zero', { revoke: { denyAfter: '0s' } }, `${at}/revoke/denyAfter ${duration}`],
    ['a blank', { revoke: { denyAfter: '1 h' } }, `${at}/revoke/denyAfter ${duration}`],
    ['a sign', { revoke: { denyAfter: '-1h' } }, `${at}/revoke/denyAfter ${duration}`],
    ['null for a threshold', { revoke: { denyAfter: null } }, `${at}/revoke/denyAfter ${duration}`],
  ])('row 112: is not %s', (_what, budgets, problem) => {
    expect(problemsOf(budgets)).toContain(problem);
  });

  test('rises: what comes after a stricter threshold would have no effect', () => {
    const falling = { stepUpAfter: '10m', denyNewSessionsAfter: '10m', denyAfter: '5m' };
    expect(problemsOf({ config: falling })).toEqual([
      `${at}/config/stepUpAfter must be shorter than denyNewSessionsAfter, which is 10m`,
      `${at}/config/denyNewSessionsAfter must be shorter than denyAfter, which is 5m`,
    ]);
  });

  test('rises also over what it inherits', () => {
    expect(problemsOf({ revoke: { stepUpAfter: '20m' } })).toEqual([
      `${at}/revoke/stepUpAfter must be shorter than denyNewSessionsAfter, which is 15m by default`,
    ]);
    expect(problemsOf({ revoke: { stepUpAfter: '5m' } }, { revoke: { denyAfter: '4m' } })).toEqual([
      `${at}/revoke/stepUpAfter must be shorter than denyAfter, which is 4m in the settings`,
    ]);
    expect(problemsOf(undefined, { config: { stepUpAfter: '12h' } })).toEqual([
      '/staleness/config/stepUpAfter must be shorter than denyNewSessionsAfter, which is 12h by default',
    ]);
  });

  test('rises again where the settings have been told to serve', () => {
    expect(problemsOf({ revoke: { stepUpAfter: '20m' } }, { revoke: 'serve' })).toEqual([]);
  });

  test('is wrong in all places at once', () => {
    expect(
      problemsOf(
        { revoke: { denyAfter: 'soon' }, config: { stepUpAfter: '1d' } },
        { lanes: 'serve', directory: {} },
      ),
    ).toHaveLength(3);
    expect(
      problemsOf(
        { revoke: { denyAfter: 'soon' }, config: { stepUpAfter: '1d' } },
        { directory: {} },
      ),
    ).toHaveLength(3);
  });
});

const hourMs = 3_600_000;

test.each<
  [
    string,
    number,
    readonly (StalenessBudgets | undefined)[],
    readonly (StalenessBudgets | undefined)[],
  ]
>([
  ['an hour where nothing is written', hourMs, [undefined], [undefined]],
  ['that of the settings, also without a route', 4 * hourMs, [{ revoke: { denyAfter: '4h' } }], []],
  ['no shorter for one strict route', hourMs, [undefined], [{ revoke: { denyAfter: '5m' } }, {}]],
  [
    'as short as the strictest, if all are',
    300_000,
    [undefined],
    [{ revoke: { denyAfter: '5m' } }],
  ],
  [
    'that of the longest route',
    7 * 24 * hourMs,
    [undefined],
    [{}, { revoke: { denyAfter: '7d' } }],
  ],
  [
    'without end for one route that serves',
    Infinity,
    [undefined],
    [undefined, { revoke: 'serve' }],
  ],
  ['without end where one threshold serves', Infinity, [{ revoke: { denyAfter: 'serve' } }], [{}]],
  [
    'with an end again on a route of such settings',
    hourMs,
    [{ revoke: 'serve' }],
    [{ revoke: { denyAfter: '1h' } }],
  ],
  [
    'inherited beside a threshold of its own',
    2 * hourMs,
    [{ revoke: { denyAfter: '2h' } }],
    [{ revoke: { stepUpAfter: '1m' } }],
  ],
  [
    'the longest of several settings',
    2 * hourMs,
    [undefined, { revoke: { denyAfter: '2h' } }],
    [{}],
  ],
  [
    'not that of another lane',
    hourMs,
    [undefined],
    [{ config: 'serve', directory: { denyAfter: '9d' } }],
  ],
])('the age from which on nobody passes anywhere is %s', (_, expected, settings, routes) => {
  expect(longestDenyMs('revoke', settings, routes)).toBe(expected);
});

test.each([
  ['1s', 1_000],
  ['90s', 90_000],
  ['15m', 900_000],
  ['12h', 43_200_000],
  ['999999d', 86_399_913_600_000],
  ['604800s', 604_800_000],
  ['1000000s', null],
  ['01s', null],
  ['1.5h', null],
  ['1w', null],
  ['1M', null],
  ['1h30m', null],
  ['', null],
  ['serve', null],
  ['1s\n', null],
] as const)('a duration: %s', (text, milliseconds) => {
  expect(durationMs(text)).toBe(milliseconds);
});
