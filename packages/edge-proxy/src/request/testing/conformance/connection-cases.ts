import { endHeaders, endStream, types } from '../frames.ts';
import { type ConformanceCase, codes, hex, nothing, number, setting } from './case.ts';

const protocol = { connection: [codes.protocol] } as const;
const closed = { connection: [codes.streamClosed] } as const;
const size = { connection: [codes.frameSize] } as const;
const cancel = number(codes.cancel);

/** RFC 9113, sections 4 and 5. */
export const connectionCases: readonly ConformanceCase[] = [
  {
    section: '4.1',
    title: 'frames of unknown types are ignored',
    send: (talk) => talk.frame(0xff, 0, 0, Buffer.alloc(8)),
    outcome: 'fine',
  },
  {
    section: '4.1',
    title: 'flags without a meaning are ignored',
    send: (talk) => talk.frame(types.ping, 0x16, 0, Buffer.alloc(8)),
    outcome: 'fine',
  },
  {
    section: '4.1',
    title: 'the reserved bit is ignored',
    send: (talk) => talk.frame(types.ping, 0, 0x8000_0000, Buffer.alloc(8)),
    outcome: 'fine',
  },
  {
    section: '4.2',
    title: 'DATA may be as large as a frame may be',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.data, endStream, 1, Buffer.alloc(16_384));
    },
    outcome: { stream: 1, with: ['status 200'] },
  },
  {
    section: '4.2',
    title: 'DATA may not be larger',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.data, endStream, 1, Buffer.alloc(16_385));
    },
    outcome: size,
  },
  {
    section: '4.2',
    title: 'HEADERS may not be larger',
    send: (talk) => talk.get(1, { x: 'y'.repeat(16_384) }),
    outcome: size,
  },
  {
    section: '4.3',
    title: 'a header block that cannot be read ends the connection',
    send: (talk) => talk.frame(types.headers, 0x5, 1, hex('40')),
    outcome: { connection: [codes.compression] },
  },
  {
    section: '4.3',
    title: 'nothing else comes in the middle of a header block: PRIORITY',
    send: (talk) => {
      talk.frame(types.headers, endStream, 1, talk.block());
      talk.frame(types.priority, 0, 1, hex('00000000 10'));
    },
    outcome: protocol,
  },
  {
    section: '4.3',
    title: 'nothing else comes in the middle of a header block: HEADERS of another stream',
    send: (talk) => {
      talk.frame(types.headers, endStream, 1, talk.block());
      talk.get(3);
    },
    outcome: protocol,
  },
  {
    section: '5.1',
    title: 'idle: DATA',
    send: (talk) => talk.frame(types.data, endStream, 1, Buffer.from('x')),
    outcome: protocol,
  },
  {
    section: '5.1',
    title: 'idle: RST_STREAM',
    send: (talk) => talk.frame(types.reset, 0, 1, cancel),
    outcome: protocol,
  },
  {
    section: '5.1',
    title: 'idle: WINDOW_UPDATE',
    send: (talk) => talk.frame(types.windowUpdate, 0, 1, number(100)),
    outcome: protocol,
  },
  {
    section: '5.1',
    title: 'idle: PRIORITY is no fault',
    send: (talk) => talk.frame(types.priority, 0, 1, hex('00000000 10')),
    outcome: 'fine',
  },
  {
    section: '5.1',
    title: 'half-closed by the client: DATA',
    send: (talk) => {
      talk.get(1);
      talk.frame(types.data, endStream, 1, Buffer.from('x'));
    },
    outcome: closed,
  },
  {
    section: '5.1',
    title: 'half-closed by the client: HEADERS',
    send: (talk) => {
      talk.get(1);
      talk.get(1);
    },
    outcome: closed,
  },
  {
    section: '5.1',
    title: 'half-closed by the client: CONTINUATION',
    send: (talk) => {
      talk.get(1);
      talk.frame(types.continuation, endHeaders, 1, nothing);
    },
    outcome: protocol,
  },
  {
    section: '5.1',
    title: 'closed by the client with a reset: HEADERS',
    send: (talk) => {
      talk.get(1);
      talk.frame(types.reset, 0, 1, cancel);
      talk.get(1);
    },
    outcome: closed,
  },
  {
    section: '5.1',
    title: 'closed by the client with a reset: DATA',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.reset, 0, 1, cancel);
      talk.frame(types.data, endStream, 1, Buffer.from('x'));
    },
    outcome: closed,
  },
  {
    section: '5.1',
    title: 'closed on both sides: DATA',
    send: async (talk) => {
      talk.get(1);
      await talk.with.ended(1);
      talk.frame(types.data, endStream, 1, Buffer.from('x'));
    },
    outcome: closed,
  },
  {
    section: '5.1',
    title: 'closed on both sides: HEADERS',
    send: async (talk) => {
      talk.get(1);
      await talk.with.ended(1);
      talk.get(1);
    },
    outcome: closed,
  },
  {
    section: '5.1',
    title: 'closed on both sides: CONTINUATION',
    send: async (talk) => {
      talk.get(1);
      await talk.with.ended(1);
      talk.frame(types.continuation, endHeaders, 1, nothing);
    },
    outcome: protocol,
  },
  {
    section: '5.1',
    title: 'closed on both sides: WINDOW_UPDATE, RST_STREAM and PRIORITY are no fault',
    send: async (talk) => {
      talk.get(1);
      await talk.with.ended(1);
      talk.frame(types.windowUpdate, 0, 1, number(1));
      talk.frame(types.reset, 0, 1, cancel);
      talk.frame(types.priority, 0, 1, hex('00000000 10'));
    },
    outcome: 'fine',
  },
  {
    section: '5.1.1',
    title: 'streams with even numbers are not for clients',
    send: (talk) => talk.get(2),
    outcome: protocol,
  },
  {
    section: '5.1.1',
    title: 'numbers of streams rise',
    send: (talk) => {
      talk.get(5);
      talk.get(3);
    },
    outcome: { connection: [codes.protocol, codes.streamClosed] },
  },
  {
    section: '5.1.2',
    title: 'no more streams run side by side than the settings allow',
    send: (talk) => {
      talk.edge.upstream.script = () => null;
      for (let id = 1; id <= 201; id += 2) talk.get(id);
    },
    outcome: protocol,
  },
  {
    section: '5.3.2',
    title: 'a stream that depends on itself is no fault any more',
    send: (talk) => {
      talk.frame(types.priority, 0, 1, hex('00000001 10'));
      talk.get(1);
    },
    outcome: { stream: 1, with: ['status 200'] },
  },
  {
    section: '5.5',
    title: 'a setting that nobody knows is ignored',
    send: (talk) => talk.frame(types.settings, 0, 0, setting(0xff, 1)),
    outcome: 'fine',
  },
  {
    section: '5.5',
    title: 'a frame of an unknown type in the middle of a header block is no extension',
    send: (talk) => {
      talk.frame(types.headers, endStream, 1, talk.block());
      talk.frame(0xff, 0, 0, Buffer.alloc(8));
    },
    outcome: protocol,
  },
];
