import { endHeaders, endStream, types } from '../frames.ts';
import { type ConformanceCase, codes, hex, nothing, number, setting } from './case.ts';

const protocol = { connection: [codes.protocol] } as const;
const size = { connection: [codes.frameSize] } as const;
const flow = { connection: [codes.flowControl] } as const;
const ok = { stream: 1, with: ['status 200'] } as const;
const padded = 0x8;
const ack = 0x1;

/** RFC 9113, section 6 but for flow control. */
export const frameCases: readonly ConformanceCase[] = [
  {
    section: '6.1',
    title: 'DATA belongs to a stream',
    send: (talk) => talk.frame(types.data, endStream, 0, Buffer.from('x')),
    outcome: protocol,
  },
  {
    section: '6.1',
    title: 'padding of DATA may be all that there is',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.data, endStream | padded, 1, hex('03 000000'));
    },
    outcome: ok,
  },
  {
    section: '6.1',
    title: 'padding of DATA may not be longer than the frame',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.data, endStream | padded, 1, hex('04 000000'));
    },
    outcome: protocol,
  },
  {
    section: '6.1',
    title: 'DATA that is padded has room for the length of its padding',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.data, endStream | padded, 1, nothing);
    },
    outcome: { connection: [codes.protocol, codes.frameSize] },
  },
  {
    section: '6.2',
    title: 'HEADERS may be padded and have a priority',
    send: (talk) => {
      const payload = Buffer.concat([hex('05 00000000 10'), talk.block(), Buffer.alloc(5)]);
      talk.frame(types.headers, 0x2d, 1, payload);
    },
    outcome: ok,
  },
  {
    section: '6.2',
    title: 'padding of HEADERS may not be longer than the frame',
    send: (talk) => talk.frame(types.headers, 0xd, 1, Buffer.concat([hex('ff'), hex('8286')])),
    outcome: protocol,
  },
  {
    section: '6.2',
    title: 'HEADERS belong to a stream',
    send: (talk) => talk.get(0),
    outcome: protocol,
  },
  {
    section: '6.3',
    title: 'PRIORITY belongs to a stream',
    send: (talk) => talk.frame(types.priority, 0, 0, hex('00000000 10')),
    outcome: protocol,
  },
  {
    section: '6.3',
    title: 'PRIORITY has five bytes',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.priority, 0, 1, hex('00000000'));
    },
    outcome: size,
  },
  {
    section: '6.4',
    title: 'RST_STREAM belongs to a stream',
    send: (talk) => talk.frame(types.reset, 0, 0, number(codes.cancel)),
    outcome: protocol,
  },
  {
    section: '6.4',
    title: 'RST_STREAM has four bytes',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.reset, 0, 1, hex('000000'));
    },
    outcome: size,
  },
  {
    section: '6.5',
    title: 'SETTINGS that agree say nothing else',
    send: (talk) => talk.frame(types.settings, ack, 0, setting(1, 0)),
    outcome: size,
  },
  {
    section: '6.5',
    title: 'SETTINGS belong to the connection',
    send: (talk) => talk.frame(types.settings, 0, 1, setting(3, 1)),
    outcome: protocol,
  },
  {
    section: '6.5',
    title: 'SETTINGS have six bytes each',
    send: (talk) => talk.frame(types.settings, 0, 0, hex('000300')),
    outcome: size,
  },
  {
    section: '6.5.2',
    title: 'ENABLE_PUSH is 0 or 1',
    send: (talk) => talk.frame(types.settings, 0, 0, setting(2, 2)),
    outcome: protocol,
  },
  {
    section: '6.5.2',
    title: 'INITIAL_WINDOW_SIZE has 31 bits',
    send: (talk) => talk.frame(types.settings, 0, 0, setting(4, 0x8000_0000)),
    outcome: flow,
  },
  {
    section: '6.5.2',
    title: 'MAX_FRAME_SIZE has a least value',
    send: (talk) => talk.frame(types.settings, 0, 0, setting(5, 16_383)),
    outcome: protocol,
  },
  {
    section: '6.5.2',
    title: 'MAX_FRAME_SIZE has a greatest value',
    send: (talk) => talk.frame(types.settings, 0, 0, setting(5, 16_777_216)),
    outcome: protocol,
  },
  {
    section: '6.6',
    title: 'PUSH_PROMISE is not for clients',
    send: (talk) => talk.frame(5, endHeaders, 1, Buffer.concat([number(2), talk.block()])),
    outcome: protocol,
  },
  {
    section: '6.7',
    title: 'PING belongs to the connection',
    send: (talk) => talk.frame(types.ping, 0, 1, Buffer.alloc(8)),
    outcome: protocol,
  },
  {
    section: '6.7',
    title: 'PING has eight bytes',
    send: (talk) => talk.frame(types.ping, 0, 0, Buffer.alloc(6)),
    outcome: size,
  },
  {
    section: '6.8',
    title: 'GOAWAY belongs to the connection',
    send: (talk) => talk.frame(types.goAway, 0, 1, Buffer.alloc(8)),
    outcome: protocol,
  },
  {
    section: '6.8',
    title: 'GOAWAY has at least eight bytes',
    send: (talk) => talk.frame(types.goAway, 0, 0, Buffer.alloc(7)),
    outcome: size,
  },
  {
    section: '6.9',
    title: 'the window of the connection does not grow by nothing',
    send: (talk) => talk.frame(types.windowUpdate, 0, 0, number(0)),
    outcome: protocol,
  },
  {
    section: '6.9',
    title: 'the window of a stream does not grow by nothing',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.windowUpdate, 0, 1, number(0));
    },
    outcome: protocol,
  },
  {
    section: '6.9',
    title: 'WINDOW_UPDATE has four bytes',
    send: (talk) => talk.frame(types.windowUpdate, 0, 0, hex('000001')),
    outcome: size,
  },
  {
    section: '6.9.1',
    title: 'the window of the connection does not overflow',
    send: (talk) => {
      for (let count = 0; count < 2; count += 1) {
        talk.frame(types.windowUpdate, 0, 0, number(0x7fff_ffff));
      }
    },
    outcome: flow,
  },
  {
    section: '6.9.1',
    title: 'the window of a stream does not overflow',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.windowUpdate, 0, 1, number(0x7fff_ffff));
    },
    outcome: flow,
  },
  {
    section: '6.9.2',
    title: 'windows do not overflow by a change of the settings',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.windowUpdate, 0, 1, number(1_000));
      talk.frame(types.settings, 0, 0, setting(4, 0x7fff_ffff));
    },
    outcome: flow,
  },
  {
    section: '6.10',
    title: 'CONTINUATION may come more than once',
    send: (talk) => {
      const block = talk.block();
      talk.frame(types.headers, endStream, 1, block.subarray(0, 5));
      talk.frame(types.continuation, 0, 1, block.subarray(5, 6));
      talk.frame(types.continuation, endHeaders, 1, block.subarray(6));
    },
    outcome: ok,
  },
  {
    section: '6.10',
    title: 'CONTINUATION is followed by nothing else',
    send: (talk) => {
      talk.frame(types.headers, endStream, 1, talk.block());
      talk.frame(types.continuation, 0, 1, nothing);
      talk.frame(types.data, endStream, 1, Buffer.from('x'));
    },
    outcome: protocol,
  },
  {
    section: '6.10',
    title: 'CONTINUATION belongs to a stream',
    send: (talk) => {
      talk.frame(types.headers, endStream, 1, talk.block());
      talk.frame(types.continuation, endHeaders, 0, nothing);
    },
    outcome: protocol,
  },
  {
    section: '6.10',
    title: 'CONTINUATION belongs to the stream whose headers it continues',
    send: (talk) => {
      talk.frame(types.headers, endStream, 1, talk.block());
      talk.frame(types.continuation, endHeaders, 3, nothing);
    },
    outcome: protocol,
  },
  {
    section: '6.10',
    title: 'CONTINUATION does not follow headers that have ended',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.continuation, endHeaders, 1, nothing);
    },
    outcome: protocol,
  },
  {
    section: '6.10',
    title: 'CONTINUATION does not follow DATA',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.data, 0, 1, Buffer.from('x'));
      talk.frame(types.continuation, endHeaders, 1, nothing);
    },
    outcome: protocol,
  },
  {
    section: '7',
    title: 'codes that nobody knows mean nothing special',
    send: (talk) => {
      talk.post(1);
      talk.frame(types.reset, 0, 1, number(0xff));
    },
    outcome: 'fine',
  },
];
