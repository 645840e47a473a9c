import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// Loaded into the broker ahead of it: what is garbage must not be taken for growth.
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
let times = 0;
process.on('SIGUSR2', () => {
  collect();
  times++;
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  process.stdout.write(`collected garbage (${times}) ${JSON.stringify({ heapUsed, arrayBuffers })}\n`);
});
