import { readFileSync } from 'node:fs';

const ticksPerSecond = 100;

/**
 * Processor seconds that a process has used so far, from proc(5). `ended`: with those of its
 * children that have ended.
 */
export function cpuSeconds(pid: number, { ended = false } = {}): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const counted = ended ? fields.slice(11, 15) : fields.slice(11, 13);
  return counted.reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
}

/** What was used between two looks. */
export interface Used {
  readonly seconds: number;
  /** Processor seconds of the process that looked: the client. */
  readonly clientCpuSeconds: number;
  /** Of the server's processes, together. */
  readonly serverCpuSeconds: number;
  /** Share of each core that nobody used. */
  readonly coresIdle: readonly number[];
}

/** Looks at the clock, at a server's processes and at the cores; what it gives looks again. */
export function startMeter(serverPids: readonly number[]): () => Used {
  const startedAt = performance.now();
  const own = process.cpuUsage();
  const server = () => serverPids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = server();
  const cores = coreTicks();
  return () => {
    const { user, system } = process.cpuUsage(own);
    return {
      seconds: (performance.now() - startedAt) / 1000,
      clientCpuSeconds: (user + system) / 1e6,
      serverCpuSeconds: server() - before,
      coresIdle: coreTicks().map(({ idle, all }, core) => {
        const then = cores[core] ?? { idle: 0, all: 0 };
        return (idle - then.idle) / (all - then.all);
      }),
    };
  };
}

interface CoreTicks {
  readonly idle: number;
  readonly all: number;
}

function coreTicks(): CoreTicks[] {
  return [...readFileSync('/proc/stat', 'utf8').matchAll(/^cpu\d+ (.*)$/gm)].map(
    ([, line = '']) => {
      // Those of guests are in the first two already.
      const ticks = line.split(' ').slice(0, 8).map(Number);
      const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
      return { idle, all: ticks.reduce((sum, one) => sum + one, 0) };
    },
  );
}
