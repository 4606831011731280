import { parseArgs } from 'node:util';
import { edgeHandshake } from './edge-handshake.ts';
import { edgePath } from './edge-path.ts';
import { edgeShadow } from './edge-shadow.ts';
import { edgeSockets } from './edge-sockets.ts';
import { edgeTransfer } from './edge-transfer.ts';
import type { Benchmark } from './lib/report.ts';
import { printJson, printTable } from './lib/report.ts';
import { policy } from './policy.ts';
import { signals } from './signals.ts';
import { stateCold } from './state-cold.ts';
import { stateDelta } from './state-delta.ts';
import { stateReconnect } from './state-reconnect.ts';
import { stateRevoke } from './state-revoke.ts';

/** One name, one row. */
const benchmarks: Readonly<Record<string, Benchmark>> = {
  'edge-handshake': edgeHandshake,
  'edge-path': edgePath,
  'edge-shadow': edgeShadow,
  'edge-sockets': edgeSockets,
  'edge-transfer': edgeTransfer,
  policy,
  signals,
  'state-cold': stateCold,
  'state-delta': stateDelta,
  'state-reconnect': stateReconnect,
  'state-revoke': stateRevoke,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rows: { type: 'string', default: '5000000' },
    runs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
  },
});

const name = positionals[0] ?? '';
const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
const runs = Number(values.runs);
const seconds = Number(values.seconds);
const rows = Number(values.rows);
const isCount = (value: number) => Number.isInteger(value) && value >= 1;
if (benchmark === undefined || !isCount(runs) || !isCount(rows) || !(seconds > 0)) {
  process.stderr.write(
    `usage: pnpm bench NAME [--json] [--runs N] [--seconds N] [--rows N]\nnames: ${Object.keys(benchmarks).join(', ')}\n`,
  );
  process.exit(2);
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const report = await benchmark({ runs, seconds, rows, say });
if (values.json) printJson(name, report);
else printTable(name, report);
