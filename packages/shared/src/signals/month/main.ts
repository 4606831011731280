import { runMonth } from './run.ts';

// node packages/shared/src/signals/month/main.ts [users] [seed]
const [users = '10000', seed = '1'] = process.argv.slice(2);
process.stdout.write(`${runMonth(Number(seed), Number(users)).text}\n`);
