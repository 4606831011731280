import { Histogram, type Registry } from 'prom-client';

/** Values of one kind, added up. A request costs no look-up and no text. */
class Tally {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** Counts one value; what is below nothing, or no number, counts for nothing. */
  observe(value: number): void {
    if (!(value >= 0)) return;
    let at = 0;
    while (value > (this.#bounds[at] ?? Number.POSITIVE_INFINITY)) at += 1;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  /** How many were at most so large, for each bound and then for all. */
  cumulative(): number[] {
    let sum = 0;
    return Array.from(this.#counts, (count) => {
      sum += count;
      return sum;
    });
  }

  get sum(): number {
    return this.#sum;
  }
}

export interface TallyHistogramOptions<Kind extends string> {
  readonly name: string;
  readonly help: string;
  /** One label and all the values it can have; '' is the only kind where there is none. */
  readonly labelNames: readonly string[];
  readonly kinds: readonly Kind[];
  readonly buckets: readonly number[];
  /** How many of what is counted are one of what is told: 1,000 for milliseconds and seconds. */
  readonly scale: number;
  readonly registers: Registry[];
}

/**
 * A histogram whose label has values that are known beforehand. prom-client makes a text
 * of the labels for each value that it is given; here that is done when somebody asks.
 */
export class TallyHistogram<Kind extends string> extends Histogram<string> {
  readonly #tallies: ReadonlyMap<Kind, Tally>;
  readonly #name: string;
  readonly #label: string | undefined;
  readonly #bounds: readonly number[];
  readonly #scale: number;

  constructor({ kinds, buckets, labelNames, scale, ...options }: TallyHistogramOptions<Kind>) {
    super({ ...options, labelNames: [...labelNames], buckets: [...buckets] });
    const bounds = buckets.map((bound) => bound * scale);
    this.#name = options.name;
    this.#bounds = buckets;
    this.#scale = scale;
    this.#label = labelNames[0];
    this.#tallies = new Map(kinds.map((kind) => [kind, new Tally(bounds)]));
  }

  /** Where values of a kind are counted; to be asked for once. */
  tally(kind: Kind): Pick<Tally, 'observe'> {
    const tally = this.#tallies.get(kind);
    if (tally === undefined) throw new Error(`nothing of ${kind} is counted`);
    return tally;
  }

  override async get(): ReturnType<Histogram<string>['get']> {
    const values = [...this.#tallies].flatMap(([kind, tally]) => this.#valuesOf(kind, tally));
    return { ...(await super.get()), values };
  }

  #valuesOf(kind: Kind, tally: Tally) {
    const labels: Readonly<Record<string, string>> =
      this.#label === undefined ? {} : { [this.#label]: kind };
    const counts = tally.cumulative();
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
    return [...buckets, of('sum', tally.sum / this.#scale), of('count', counts.at(-1) ?? 0)];
  }
}
