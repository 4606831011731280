import { block, endHeaders, endStream, types } from '../frames.ts';
import { type ConformanceCase, codes, type Talk } from './case.ts';

const malformed = { stream: 1, with: [codes.protocol] } as const;
/** Read by the gate, which says so. */
const refused = { stream: 1, with: ['status 400'] } as const;
/** Node ends the connection with the stream. */
const ended = { connection: [codes.protocol, codes.internal] } as const;
const ok = { stream: 1, with: ['status 200'] } as const;

function without(name: string): (talk: Talk) => void {
  return (talk) => talk.get(1, { [name]: undefined });
}

function twice(name: string): (talk: Talk) => void {
  return (talk) => {
    const again = talk.pseudo.filter(([other]) => other === name);
    talk.fields(1, [...talk.pseudo, ...again]);
  };
}

/** What is not a body of the length that was announced. */
function body(announced: string, ...parts: string[]): (talk: Talk) => void {
  return (talk) => {
    talk.post(1, { 'content-length': announced });
    parts.forEach((part, at) => {
      talk.frame(types.data, at === parts.length - 1 ? endStream : 0, 1, Buffer.from(part));
    });
  };
}

function trailers(...fields: (readonly [string, string])[]): (talk: Talk) => void {
  return (talk) => {
    talk.post(1);
    talk.frame(types.data, 0, 1, Buffer.from('x'));
    talk.frame(types.headers, endHeaders | endStream, 1, block(fields));
  };
}

const cases: [
  section: string,
  title: string,
  ConformanceCase['send'],
  ConformanceCase['outcome'],
][] = [
  ['8.1', 'a request may have trailers', trailers(['x-sum', 'y']), ok],
  [
    '8.1',
    'trailers end the request',
    (talk) => {
      talk.post(1);
      talk.frame(types.headers, endHeaders, 1, block([['x-sum', 'y']]));
    },
    malformed,
  ],
  ['8.1', 'trailers have no pseudo-headers', trailers([':path', '/']), malformed],
  ['8.1.1', 'a body is not shorter than announced', body('2', 'x'), malformed],
  ['8.1.1', 'a body is not longer than announced', body('1', 'xy'), ended],
  ['8.1.1', 'a body is not longer in sum', body('2', 'x', 'y', 'z'), ended],
  ['8.1.1', 'a body in pieces is as long as announced', body('3', 'x', 'y', 'z'), ok],
  [
    '8.1.1',
    'no body is announced where none comes',
    (talk) => talk.get(1, { 'content-length': '1' }),
    malformed,
  ],
  ['8.1.1', 'a length is a number', body('1x', 'x'), malformed],
  ['8.1.1', 'a length has no sign', body('+1', 'x'), malformed],
  [
    '8.1.1',
    'a length stands once',
    (talk) => talk.fields(1, [...talk.pseudo, ['content-length', '0'], ['content-length', '0']]),
    malformed,
  ],
  ['8.2.1', 'names are in lower case', (talk) => talk.get(1, { 'X-A': 'b' }), malformed],
  ['8.2.1', 'names have no space', (talk) => talk.get(1, { 'x a': 'b' }), refused],
  ['8.2.1', 'names have no control character', (talk) => talk.get(1, { 'x\x01a': 'b' }), refused],
  ['8.2.1', 'names have no octet above 0x7e', (talk) => talk.get(1, { 'x\x7fa': 'b' }), refused],
  ['8.2.1', 'names have no 8-bit octet', (talk) => talk.get(1, { 'x\xe9a': 'b' }), refused],
  ['8.2.1', 'names have no colon', (talk) => talk.get(1, { 'x:a': 'b' }), refused],
  ['8.2.1', 'values have no NUL', (talk) => talk.get(1, { 'x-a': 'b\0c' }), refused],
  ['8.2.1', 'values have no CR', (talk) => talk.get(1, { 'x-a': 'b\rc' }), refused],
  ['8.2.1', 'values have no LF', (talk) => talk.get(1, { 'x-a': 'b\nc' }), refused],
  [
    '8.2.1',
    'values do not begin with white space',
    (talk) => talk.get(1, { 'x-a': '\tb' }),
    refused,
  ],
  ['8.2.1', 'values do not end with white space', (talk) => talk.get(1, { 'x-a': 'b ' }), refused],
  ['8.2.2', 'no Connection', (talk) => talk.get(1, { connection: 'keep-alive' }), malformed],
  ['8.2.2', 'no Keep-Alive', (talk) => talk.get(1, { 'keep-alive': '1' }), malformed],
  ['8.2.2', 'no Proxy-Connection', (talk) => talk.get(1, { 'proxy-connection': 'x' }), malformed],
  [
    '8.2.2',
    'no Transfer-Encoding',
    (talk) => talk.get(1, { 'transfer-encoding': 'chunked' }),
    malformed,
  ],
  ['8.2.2', 'no Upgrade', (talk) => talk.get(1, { upgrade: 'h2c' }), malformed],
  [
    '8.2.2',
    'TE says trailers and nothing else',
    (talk) => talk.get(1, { te: 'trailers, deflate' }),
    malformed,
  ],
  ['8.2.2', 'TE may say trailers', (talk) => talk.get(1, { te: 'trailers' }), ok],
  [
    '8.2.3',
    'crumbs of cookies are put together',
    (talk) => {
      talk.fields(1, [
        ...talk.pseudo,
        ...requestCookie(talk),
        ['cookie', 'a=b'],
        ['cookie', 'c=d'],
      ]);
    },
    ok,
  ],
  ['8.3', 'no unknown pseudo-header', (talk) => talk.get(1, { ':other': 'x' }), malformed],
  ['8.3', 'no pseudo-header of responses', (talk) => talk.get(1, { ':status': '200' }), malformed],
  [
    '8.3',
    'pseudo-headers come first',
    (talk) => {
      const [first, ...others] = talk.pseudo;
      talk.fields(1, [...others, ['x-a', 'b'], first ?? ['', '']]);
    },
    malformed,
  ],
  ['8.3.1', 'the path is not empty', (talk) => talk.get(1, { ':path': '' }), malformed],
  ['8.3.1', 'a method is needed', without(':method'), malformed],
  ['8.3.1', 'a scheme is needed', without(':scheme'), malformed],
  ['8.3.1', 'a path is needed', without(':path'), malformed],
  ['8.3.1', 'an authority is needed, or a host', without(':authority'), malformed],
  ['8.3.1', 'one method', twice(':method'), malformed],
  ['8.3.1', 'one scheme', twice(':scheme'), malformed],
  ['8.3.1', 'one authority', twice(':authority'), malformed],
  ['8.3.1', 'one path', twice(':path'), malformed],
  [
    '8.3.1',
    'the authority has no user',
    (talk) => talk.get(1, { ':authority': 'u@app.corp.test' }),
    malformed,
  ],
  [
    '8.3.1',
    'Host says what the authority says',
    (talk) => talk.get(1, { host: 'admin.corp.test' }),
    refused,
  ],
  [
    '8.3.1',
    'the scheme is that of the connection',
    (talk) => talk.get(1, { ':scheme': 'http' }),
    refused,
  ],
  ['8.3.1', 'a star is for OPTIONS', (talk) => talk.get(1, { ':path': '*' }), malformed],
  [
    '8.5',
    'CONNECT has neither scheme nor path',
    (talk) => talk.get(1, { ':method': 'CONNECT' }),
    malformed,
  ],
  [
    '8.5',
    'CONNECT is not offered',
    (talk) =>
      talk.frame(
        types.headers,
        endHeaders,
        1,
        block([
          [':method', 'CONNECT'],
          [':authority', 'a:1'],
        ]),
      ),
    { stream: 1, with: ['status 405'] },
  ],
  [
    'RFC 8441, 4',
    'only CONNECT names a protocol',
    (talk) => talk.get(1, { ':protocol': 'websocket' }),
    malformed,
  ],
  [
    'RFC 8441, 4',
    'a protocol has a scheme and a path besides',
    (talk) =>
      talk.frame(
        types.headers,
        endHeaders,
        1,
        block([
          [':method', 'CONNECT'],
          [':authority', 'app.corp.test'],
          [':protocol', 'websocket'],
        ]),
      ),
    malformed,
  ],
];

function requestCookie(talk: Talk): (readonly [string, string])[] {
  return [['cookie', talk.cookie]];
}

/** RFC 9113, section 8. */
export const messageCases: readonly ConformanceCase[] = cases.map(
  ([section, title, send, outcome]) => ({ section, title, send, outcome }),
);
