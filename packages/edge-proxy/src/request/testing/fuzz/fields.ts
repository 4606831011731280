import type { Dice } from '@sallyport/shared/sync/simulation/random';
import type { Field } from '../frames.ts';
import { names, values } from './gate.ts';
import { mutate } from './mutate.ts';

/** A request of HTTP/2, before it is cut into frames. */
export interface StreamPlan {
  readonly fields: readonly Field[];
  /** null: none follows. */
  readonly body: string | null;
  readonly trailers: readonly Field[];
}

function pseudo(method: string, host: string, path: string): readonly Field[] {
  return [
    [':method', method],
    [':scheme', 'https'],
    [':authority', host],
    [':path', path],
  ];
}

/** Requests that are all in order, of somebody with this cookie and of nobody. */
export function soundStreams(cookie: string): readonly StreamPlan[] {
  const crumbs = ['a=1', cookie, 'b=2'].map((crumb): Field => ['cookie', crumb]);
  const bodyless = { body: null, trailers: [] };
  const body = 'hello there';
  return [
    { fields: [...pseudo('GET', 'pub.corp.test', '/a/b?c=d'), ['accept', '*/*']], ...bodyless },
    { fields: [...pseudo('GET', 'app.corp.test', '/a/../b/%7e/%c3%a9'), ...crumbs], ...bodyless },
    { fields: [...pseudo('HEAD', 'pub.corp.test', '/'), ['host', 'pub.corp.test']], ...bodyless },
    {
      fields: [...pseudo('POST', 'pub.corp.test', '/up'), ['content-length', '11']],
      body,
      trailers: [],
    },
    {
      fields: [...pseudo('PUT', 'app.corp.test', '/up'), ...crumbs, ['te', 'trailers']],
      body,
      trailers: [['x-trailer', 'y']],
    },
    {
      fields: [
        ...pseudo('CONNECT', 'app.corp.test', '/chat'),
        [':protocol', 'websocket'],
        ['sec-websocket-version', '13'],
        ['cookie', cookie],
      ],
      body: '\x81\x85abcdxxxxx',
      trailers: [],
    },
    {
      fields: [...pseudo('POST', 'app.corp.test', '/up'), ...crumbs, ['expect', '100-continue']],
      body,
      trailers: [],
    },
  ];
}

const pseudoNames = [':method', ':scheme', ':authority', ':path', ':protocol', ':status', ':odd'];
const pseudoValues = [
  ...['GET', 'CONNECT', 'https', 'http', 'websocket', 'pub.corp.test', 'admin.corp.test', '*', ''],
  ...['/', '/admin', '//admin.corp.test/', 'admin', 'https://app.corp.test/', '/a b', '/a#b'],
];

function oddField(dice: Dice): Field {
  if (dice.chance(0.2)) return [dice.pick(pseudoNames), dice.pick(pseudoValues)];
  const name = dice.pick(names);
  return [dice.chance(0.1) ? name : name.toLowerCase(), dice.pick(values)];
}

type Change = (fields: Field[], at: number, dice: Dice) => void;

const changes: readonly Change[] = [
  (fields, at, dice) => {
    const [name = '', value = ''] = fields[at] ?? [];
    fields[at] = [name, mutate([value], dice)];
  },
  (fields, at, dice) => {
    const [name = '', value = ''] = fields[at] ?? [];
    fields[at] = [mutate([name], dice), value];
  },
  (fields, at, dice) => {
    const [name = ''] = fields[at] ?? [];
    fields[at] = [name, dice.pick(name.startsWith(':') ? pseudoValues : values)];
  },
  (fields, at, dice) => {
    fields.splice(at, 0, oddField(dice));
  },
  (fields, _at, dice) => {
    fields.push(oddField(dice));
  },
  (fields, _at, dice) => {
    const twice = dice.pick(['host', 'cookie', 'content-length', 'origin', 'authorization']);
    fields.push([twice, dice.pick(['pub.corp.test', 'app.corp.test', 'c=d', '11', 'x'])]);
  },
  (fields, at) => {
    fields.splice(at, 1);
  },
  (fields, at, dice) => {
    const times = dice.chance(0.1) ? dice.int(20, 300) : 1;
    const field = fields[at];
    if (field !== undefined) fields.push(...Array.from({ length: times }, () => field));
  },
  (fields, at, dice) => {
    const [moved] = fields.splice(at, 1);
    if (moved !== undefined) fields.splice(dice.int(0, fields.length), 0, moved);
  },
  (fields, at, dice) => {
    const [name = '', value = ''] = fields[at] ?? [];
    const cut = dice.int(0, value.length);
    fields.splice(at, 1, [name, value.slice(0, cut)], [name, value.slice(cut)]);
  },
];

/** The request after a few changes of what it is made of. */
export function changedStream(plan: StreamPlan, dice: Dice): StreamPlan {
  const fields = [...plan.fields];
  for (let left = dice.int(1, 3); left > 0; left -= 1) {
    dice.pick(changes)(fields, dice.int(0, Math.max(0, fields.length - 1)), dice);
  }
  const trailers = dice.chance(0.1) ? [...plan.trailers, oddField(dice)] : plan.trailers;
  const body = dice.chance(0.1) ? (plan.body === null ? 'odd' : null) : plan.body;
  return { fields, body, trailers };
}
