import { CommandError, ExitCode } from '../exit-code.ts';

/** Longer ones are no passwords. */
const passwordBytesMax = 4096;

const enter = /[\r\n]/;
const interrupt = '\u0003';
const backspace = '\u007f';

/**
 * The first line of standard input, which is not shown on a terminal.
 *
 * @throws CommandError with `missing` as its exit code when there is none
 */
export async function readPassword(missing: ExitCode = ExitCode.Software): Promise<string> {
  const { stdin, stderr } = process;
  if (stdin.isTTY) {
    stderr.write('Password: ');
    stdin.setRawMode(true);
  }
  let text = '';
  try {
    for await (const chunk of stdin.setEncoding('utf8')) {
      for (const key of String(chunk)) {
        if (key === interrupt) throw new CommandError('interrupted');
        text = key === backspace && stdin.isTTY ? text.slice(0, -1) : text + key;
      }
      if (enter.test(text) || text.length > passwordBytesMax) break;
    }
  } finally {
    if (stdin.isTTY) {
      stdin.setRawMode(false);
      stderr.write('\n');
    }
  }
  const [password = ''] = text.split(enter);
  if (password === '') {
    const how = 'give it as the last argument, or as the first line of standard input';
    throw new CommandError(`Password is not provided via argument or stdin: ${how}`, missing);
  }
  return password;
}
