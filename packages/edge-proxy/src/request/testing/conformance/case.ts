import type { Conversation } from '../conversation.ts';
import type { TestEdge } from '../edge.ts';
import { block, endHeaders, endStream, frame, requestFields, types } from '../frames.ts';

/** Codes of RFC 9113, section 7. */
export const codes = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;

/** What has to come of it. */
export type Outcome =
  /** The whole connection ends with one of the codes. */
  | { readonly connection: readonly number[] }
  /** Its stream is reset with one of the codes, or it is answered with the status; others go on. */
  | { readonly stream: number; readonly with: readonly (number | `status ${number}`)[] }
  /** Nothing is wrong with it: the connection goes on. */
  | 'fine';

export interface ConformanceCase {
  /** Number of the section, and what it says. */
  readonly section: string;
  readonly title: string;
  readonly send: (talk: Talk) => Promise<void> | void;
  readonly outcome: Outcome;
}

export const nothing: Buffer = Buffer.alloc(0);

type Change = Readonly<Record<string, string | undefined>>;

/** What a case says its part with. */
export class Talk {
  readonly edge: TestEdge;
  readonly with: Conversation;
  readonly cookie: string;

  constructor(edge: TestEdge, conversation: Conversation, cookie: string) {
    this.edge = edge;
    this.with = conversation;
    this.cookie = cookie;
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer = nothing): void {
    this.with.send(frame(type, flags, streamId, payload));
  }

  /** A header section, with the fields of a regular request but for these. */
  block(change: Change = {}): Buffer {
    const fields = requestFields(this.edge, this.cookie, change as Record<string, string>);
    return block(fields.filter(([, value]) => value !== undefined));
  }

  /** A request without a body. */
  get(streamId: number, change: Change = {}): void {
    this.frame(types.headers, endHeaders | endStream, streamId, this.block(change));
  }

  /** A request whose body is to come. */
  post(streamId: number, change: Change = {}): void {
    this.frame(types.headers, endHeaders, streamId, this.block({ ':method': 'POST', ...change }));
  }

  /** One whose fields stand in this order, and are all that there is. */
  fields(streamId: number, fields: readonly (readonly [string, string])[]): void {
    this.frame(types.headers, endHeaders | endStream, streamId, block(fields));
  }

  /** The four pseudo-headers of a regular request. */
  get pseudo(): (readonly [string, string])[] {
    return requestFields(this.edge, '').slice(0, 4);
  }
}

export function number(value: number, bytes = 4): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

export function setting(id: number, value: number): Buffer {
  return Buffer.concat([number(id, 2), number(value)]);
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}
