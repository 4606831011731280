import { Histogram, type Registry } from 'prom-client';

/** Times of one kind, added up. A request costs no look-up and no text. */
class Times {
  readonly #boundsMs: readonly number[];
  readonly #counts: Float64Array;
  #sumMs = 0;

  constructor(boundsMs: readonly number[]) {
    this.#boundsMs = boundsMs;
    this.#counts = new Float64Array(boundsMs.length + 1);
  }

  /** Counts one time; what is no time counts for nothing. */
  observe(ms: number): void {
    if (!(ms >= 0)) return;
    let at = 0;
    while (ms > (this.#boundsMs[at] ?? Number.POSITIVE_INFINITY)) at += 1;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sumMs += ms;
  }

  /** How many were at most so long, for each bound and then for all. */
  cumulative(): number[] {
    let sum = 0;
    return Array.from(this.#counts, (count) => {
      sum += count;
      return sum;
    });
  }

  get sumSeconds(): number {
    return this.#sumMs / 1_000;
  }
}

export interface TimeHistogramOptions<Kind extends string> {
  readonly name: string;
  readonly help: string;
  /** One label and all the values it can have; '' is the only kind where there is none. */
  readonly labelNames: readonly string[];
  readonly kinds: readonly Kind[];
  readonly buckets: readonly number[];
  readonly registers: Registry[];
}

/**
 * A histogram in seconds whose label has values that are known beforehand. prom-client makes a text
 * of the labels for each value that it is given; here that is done when somebody asks.
 */
export class TimeHistogram<Kind extends string> extends Histogram<string> {
  readonly #times: ReadonlyMap<Kind, Times>;
  readonly #name: string;
  readonly #label: string | undefined;
  readonly #bounds: readonly number[];

  constructor({ kinds, buckets, labelNames, ...options }: TimeHistogramOptions<Kind>) {
    super({ ...options, labelNames: [...labelNames], buckets: [...buckets] });
    const boundsMs = buckets.map((seconds) => seconds * 1_000);
    this.#name = options.name;
    this.#bounds = buckets;
    this.#label = labelNames[0];
    this.#times = new Map(kinds.map((kind) => [kind, new Times(boundsMs)]));
  }

  /** Where times of a kind are counted, in milliseconds; to be asked for once. */
  times(kind: Kind): Pick<Times, 'observe'> {
    const times = this.#times.get(kind);
    if (times === undefined) throw new Error(`no times of ${kind}`);
    return times;
  }

  override async get(): ReturnType<Histogram<string>['get']> {
    const values = [...this.#times].flatMap(([kind, times]) => this.#valuesOf(kind, times));
    return { ...(await super.get()), values };
  }

  #valuesOf(kind: Kind, times: Times) {
    const labels: Readonly<Record<string, string>> =
      this.#label === undefined ? {} : { [this.#label]: kind };
    const counts = times.cumulative();
    const of = (
      part: string,
      value: number,
      more: Readonly<Record<string, string | number>> = {},
    ) => ({
      labels: { ...more, ...labels },
      value,
      metricName: `${this.#name}_${part}`,
    });
    const buckets = counts.map((count, at) =>
      of('bucket', count, { le: this.#bounds[at] ?? '+Inf' }),
    );
    return [...buckets, of('sum', times.sumSeconds), of('count', counts.at(-1) ?? 0)];
  }
}
