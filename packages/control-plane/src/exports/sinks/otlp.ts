import type { Log } from '@sallyport/shared/log';
import { ExportFailure } from '../failure.ts';
import type { Answer, Poster } from '../http.ts';
import type { ExportRow } from '../rows/row.ts';
import { otlpLogs } from './otlp-form.ts';
import type { Sink } from './sink.ts';

export interface OtlpSinkOptions {
  readonly name: string;
  readonly poster: Poster;
  /** Name of this process. */
  readonly replica: string;
  /** The value of the Authorization header as it is now; null: none. Fails when it is not there. */
  readonly authorization: () => Promise<string | null>;
  readonly log: Log;
}

const batchMax = 500;

/** A receiver would take these for what they are, in smaller parts or never. */
const refusals: ReadonlySet<number> = new Set([400, 413, 422]);

/** Of one batch. */
interface Tally {
  taken: number;
  /** Rows that are left out. */
  rejected: number;
  refusedParts: number;
}

/** Halving finds one bad row of a batch with fewer refusals than this. */
const refusedPartsMax = 16;

/**
 * OTLP logs over HTTP, in JSON. Where the specification says that an answer must not be retried, the
 * reason decides. Of a batch that is refused for what it is, the halves are tried until the rows that
 * are not taken are alone; they are counted and left out, if others of the batch were taken, because
 * a receiver that takes nothing at all does not object to the rows. What is wrong with the way there
 * (401, 404 and all others) is an operator's to mend: the rows wait.
 */
export function createOtlpSink(options: OtlpSinkOptions): Sink {
  const { poster, replica, log, name } = options;

  const sendPart = async (
    rows: readonly ExportRow[],
    headers: Record<string, string>,
    signal: AbortSignal,
    tally: Tally,
  ): Promise<void> => {
    const answer = await poster.post(headers, otlpLogs(rows, replica), signal);
    if (answer.status >= 200 && answer.status < 300) {
      tally.taken += rows.length;
      tally.rejected += rejectedOf(answer, rows.length);
      return;
    }
    if (!refusals.has(answer.status)) throw failureOf(answer);
    tally.refusedParts += 1;
    if (tally.taken === 0 && tally.refusedParts >= refusedPartsMax) throw failureOf(answer);
    if (rows.length === 1) {
      tally.rejected += 1;
      return;
    }
    const middle = Math.ceil(rows.length / 2);
    await sendPart(rows.slice(0, middle), headers, signal, tally);
    await sendPart(rows.slice(middle), headers, signal, tally);
  };

  return {
    batchMax,
    async send(rows, signal) {
      const authorization = await options.authorization();
      const headers: Record<string, string> = authorization === null ? {} : { authorization };
      const tally: Tally = { taken: 0, rejected: 0, refusedParts: 0 };
      await sendPart(rows, headers, signal, tally);
      if (tally.taken === 0) throw new ExportFailure('the receiver takes no row');
      const { rejected } = tally;
      if (rejected > 0) log.warn('exports.rows_refused', { export: name, rows: rejected });
      return { rejected };
    },
    close: () => poster.close(),
  };
}

function failureOf({ status, retryAfterMs }: Answer): ExportFailure {
  return new ExportFailure(`the receiver answered ${status}`, { retryAfterMs });
}

/** What a partial success leaves out must not be sent again. */
function rejectedOf({ body }: Answer, rows: number): number {
  try {
    const answer = JSON.parse(body) as {
      readonly partialSuccess?: { readonly rejectedLogRecords?: unknown } | null;
    } | null;
    const rejected = Number(answer?.partialSuccess?.rejectedLogRecords ?? 0);
    return Number.isSafeInteger(rejected) ? Math.min(rows, Math.max(0, rejected)) : 0;
  } catch {
    return 0;
  }
}
