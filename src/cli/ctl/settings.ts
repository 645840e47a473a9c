import { share, size } from '../../config/value.ts';
import { CommandError, ExitCode } from '../exit-code.ts';
import { usageError } from '../flags.ts';
import type { Command } from './command.ts';

const bytes = size(0, Number.MAX_SAFE_INTEGER);

/** What changes in a running broker, until its next start. */
export const settingCommands: readonly Command[] = [
  {
    synopsis: 'set_vm_memory_high_watermark <share> [bytes]',
    doc: 'Block publishers above a share of the memory: 0.4; or above so much: absolute 2GB',
    banner: (given) => {
      const what = given.argument(0) === 'absolute' ? `${given.argument(1)} bytes` : given.argument(0);
      return `Setting memory threshold to ${what} ...`;
    },
    run: async (given) => {
      const [first = '', second] = given.rest(0);
      const body =
        first === 'absolute' ? { absolute: bytesIn(second) } : { relative: shareIn(first, second) };
      await given.tellNode('PUT', 'memory-high-watermark', body);
      return '';
    },
  },
  {
    synopsis: 'set_disk_free_limit <bytes> [multiple]',
    doc: 'Block publishers below so much free space: 2GB; or below a multiple of the memory: mem_relative 1.5',
    banner: (given) => `Setting disk free limit to ${given.rest(0).join(' ')} ...`,
    run: async (given) => {
      const [first, second] = given.rest(0);
      const body =
        first === 'mem_relative' ? { relative: multipleIn(second) } : { absolute: bytesIn(first, second) };
      await given.tellNode('PUT', 'disk-free-limit', body);
      return '';
    },
  },
  {
    synopsis: 'set_log_level <level> [level]',
    doc: 'Log no less severe messages than these: debug, info, warning, error, critical, none; or of a category',
    banner: (given) => `Setting log level to "${given.rest(0).join('" of category "')}" ...`,
    run: async (given) => {
      const [first, second] = given.rest(0);
      const body = second === undefined ? { level: first } : { category: first, level: second };
      const missing = new CommandError(
        'this broker cannot change it while it runs: set log.console.level, then leveretctl rotate_logs',
        ExitCode.Unavailable,
      );
      await given.api.put('/api/log-levels', body, missing);
      return '';
    },
  },
  {
    synopsis: 'rotate_logs',
    doc: 'Read the configuration again and open log files anew, as on SIGHUP',
    banner: () => 'Reopening the logs of the broker ...',
    run: async (given) => {
      await given.tellNode('POST', 'reload');
      return '';
    },
  },
  ...(['suspend_listeners', 'resume_listeners'] as const).map(
    (synopsis): Command => ({
      synopsis,
      doc:
        synopsis === 'suspend_listeners'
          ? 'Accept no AMQP client any more; who is connected stays'
          : 'Accept AMQP clients again',
      banner: () =>
        synopsis === 'suspend_listeners'
          ? 'Will suspend client connection listeners. They will no longer accept client connections!'
          : 'Will resume client connection listeners. They will now accept client connections',
      run: async (given) => {
        await given.tellNode('PUT', 'listeners', { suspended: synopsis === 'suspend_listeners' });
        return '';
      },
    }),
  ),
];

/** @throws CommandError */
function bytesIn(text: string | undefined, surplus?: string): number {
  if (surplus !== undefined) throw usageError(`(argument validation) too many arguments: ${surplus}`);
  if (text === undefined) throw usageError('(argument validation) not enough arguments: say how many bytes');
  const parsed = bytes.parse(text);
  if (parsed === undefined) throw notA(text, bytes.expected);
  return parsed.value;
}

/** 0 blocks all publishers. @throws CommandError */
function shareIn(text: string, surplus: string | undefined): number {
  if (surplus !== undefined) throw usageError(`(argument validation) too many arguments: ${surplus}`);
  if (Number(text) === 0 && text !== '') return 0;
  const parsed = share.parse(text);
  if (parsed === undefined) throw notA(text, `${share.expected}, nor absolute <bytes>`);
  return parsed.value;
}

/** @throws CommandError */
function multipleIn(text: string | undefined): number {
  if (/^\d*\.?\d+$/.test(text ?? '')) return Number(text);
  throw notA(text ?? '', 'a multiple of the memory such as 1.5');
}

function notA(text: string, expected: string): CommandError {
  return new CommandError(`"${text}" is not ${expected}`, ExitCode.Data);
}
