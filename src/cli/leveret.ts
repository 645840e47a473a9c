#!/usr/bin/env -S UV_THREADPOOL_SIZE=8 MALLOC_MMAP_THRESHOLD_=131072 node --min-semi-space-size=16 --max-semi-space-size=16 --initial-old-space-size=128
// These must be there before the process starts.
// Semi-space: messages on their way live for a few milliseconds; a young generation that holds that much
// saves a fifth of the CPU of persistent traffic. It stays that large: collecting one of 64 MiB took up to 15 ms, one of
// 16 MiB takes less than 10. Old space: chunks of TLS sockets and slabs read back count as garbage of a heap that is
// small, and without that much room for them V8 collects all of it several times a second, for 20 ms each time: a
// quarter of the CPU of writing or reading a backlog. Thread pool: a commit holds a thread for its whole flush.
// Threshold: the C library keeps freed slabs for itself unless they are mapped one by one; after a burst
// the process would look as large as at its peak, and the memory alarm would never clear.
import { flagsOfServer, serve } from './commands/serve.ts';
import { runCommand } from './run-command.ts';

await runCommand('leveret', async (setExitCode) => {
  const args = process.argv.slice(2);
  const flags = flagsOfServer(args);
  if (flags !== undefined) return setExitCode(await serve(flags));
  const { runAnyCommand } = await import('./commands/any.ts');
  await runAnyCommand(args, setExitCode);
});
