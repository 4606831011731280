import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent, request } from 'node:https';

/** Where spans are sent: a collector that takes OTLP over HTTP. */
export interface CollectorConfig {
  /** With the path of traces; `http:` only on this machine. */
  readonly url: string;
  /** Besides ours, such as what a collector knows its clients by. */
  readonly headers: Readonly<Record<string, string>>;
  /** PEM; null: the authorities of the system. */
  readonly caPem: string | null;
}

export type Delivery =
  | { readonly kind: 'taken'; readonly rejected: number }
  /** It may be taken later. */
  | { readonly kind: 'not_now'; readonly problem: string }
  | { readonly kind: 'refused'; readonly problem: string };

/** Sends one body; never rejects. */
export type Deliver = (body: string, signal: AbortSignal) => Promise<Delivery>;

const timeoutMs = 10_000;
const answerBytesMax = 65_536;
/** Those that the specification of OTLP says to try again. */
const notNow: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** One connection to the collector, kept open. Redirects are not followed. */
export function createCollector({ url, headers, caPem }: CollectorConfig): Deliver {
  const target = new URL(url);
  const isPlain = target.protocol === 'http:';
  const agent = isPlain
    ? new PlainAgent({ keepAlive: true, maxSockets: 1 })
    : new Agent({ keepAlive: true, maxSockets: 1, ...(caPem === null ? {} : { ca: caPem }) });
  const ask = isPlain ? plainRequest : request;
  return (body, signal) => {
    const bytes = Buffer.from(body);
    const { promise, resolve } = Promise.withResolvers<Delivery>();
    const sent = ask(target, {
      method: 'POST',
      agent,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': String(bytes.length),
        'user-agent': 'sallyport',
      },
    });
    sent.on('response', (response) => {
      readAnswer(response).then(
        (answer) => resolve(deliveryOf(response.statusCode ?? 0, answer)),
        (error: unknown) => resolve({ kind: 'not_now', problem: wordsOf(error) }),
      );
    });
    sent.on('error', (error) => resolve({ kind: 'not_now', problem: wordsOf(error) }));
    sent.end(bytes);
    return promise;
  };
}

async function readAnswer(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // What is longer than it can be says nothing; to leave it unread ends the connection.
    if (bytes > answerBytesMax) return '';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function deliveryOf(status: number, answer: string): Delivery {
  if (status >= 200 && status < 300) return { kind: 'taken', rejected: rejectedOf(answer) };
  const kind = notNow.has(status) ? 'not_now' : 'refused';
  return { kind, problem: `the collector answered ${status}` };
}

/** What a partial success leaves out must not be sent again. */
function rejectedOf(answer: string): number {
  try {
    const read = JSON.parse(answer) as {
      readonly partialSuccess?: { readonly rejectedSpans?: unknown } | null;
    } | null;
    const rejected = Number(read?.partialSuccess?.rejectedSpans ?? 0);
    return Number.isSafeInteger(rejected) ? Math.max(0, rejected) : 0;
  } catch {
    return 0;
  }
}

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
