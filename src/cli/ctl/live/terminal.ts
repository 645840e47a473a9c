/** Where live commands print, and whether people look at it. */
export interface Terminal {
  /** Prints a result. */
  write(text: string): void;
  /** Says something beside the result: on standard error. */
  note(text: string): void;
  /** Results go to a screen that understands control codes. */
  readonly isScreen: boolean;
  /** So do notes: this is where. */
  readonly noteScreen: NodeJS.WriteStream | undefined;
  readonly hasColors: boolean;
  readonly columns: number;
  readonly rows: number;
  /** Aborted by Ctrl-C, or when the process is asked to end. */
  interruption(): AbortSignal;
}

/** What a window has, if it does not say. */
const size = { columns: 80, rows: 24 };

/** The terminal of this process; `write` gets the results. */
export function processTerminal(write: (text: string) => void): Terminal {
  const { stdout, stderr } = process;
  const isDumb = process.env['TERM'] === 'dumb';
  return {
    write,
    note: (text) => void stderr.write(text),
    isScreen: stdout.isTTY === true && !isDumb,
    noteScreen: stderr.isTTY === true && !isDumb ? stderr : undefined,
    // Heeds NO_COLOR.
    hasColors: stdout.isTTY === true && stdout.hasColors(),
    get columns() {
      return stdout.columns ?? size.columns;
    },
    get rows() {
      return stdout.rows ?? size.rows;
    },
    interruption: () => {
      const abort = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
        process.once(signal, () => abort.abort());
      return abort.signal;
    },
  };
}
